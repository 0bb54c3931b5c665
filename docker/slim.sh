#!/bin/sh
# Takes out of a virtual environment what never runs in the service.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)

# Headers and static libraries serve whoever compiles against torch and pyarrow; there is no compiler in the image.
rm -rf "$packages/torch/include" "$packages/torch/share" "$packages/pyarrow/include" "$packages/pyarrow/src"
find "$packages" -name '*.a' -delete
# torch's own test programs, and the compiler of protocol buffers. torch_shm_manager must stay: DataLoader workers use it.
find "$packages/torch/bin" -type f ! -name torch_shm_manager -delete
rm -rf "$packages/torch/test" "$packages/onnx/backend/test"
# Not numpy's: numpy.testing imports from them, and scipy imports that.
find "$packages" -depth -type d \( -name tests -o -name test \) \
  \( -path '*/pandas/*' -o -path '*/scipy/*' -o -path '*/sklearn/*' -o -path '*/pyarrow/*' \
     -o -path '*/sympy/*' -o -path '*/networkx/*' -o -path '*/nltk/*' -o -path '*/mpmath/*' \) -exec rm -rf {} +

# Bytecode of everything would be a fifth of the image; without any, each start and each training job compiles again what
# nobody may write down. So: what is really imported, which also shows that nothing is missing.
find "$packages" -depth -name __pycache__ -exec rm -rf {} +
env -u PYTHONDONTWRITEBYTECODE "$1/bin/python" - <<'E2'
import accelerate, alembic.command, datasets, datasketch, flask, fsspec, onnx.helper, onnxruntime
import prometheus_client, psutil, psycopg, py3langid.langid, rich.live
import gunicorn.app.wsgiapp, gunicorn.workers.gthread, lxml.etree, pydantic_settings, requests
import scipy.optimize, scipy.stats, sklearn.linear_model, sklearn.metrics, sklearn.model_selection, sqlalchemy.orm, typer
import sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, Trainer
from transformers import BertConfig, EarlyStoppingCallback, TrainingArguments, get_scheduler

AutoModelForTokenClassification.from_config(BertConfig(num_hidden_layers=1, vocab_size=99))
AutoModelForSequenceClassification.from_config(BertConfig(num_hidden_layers=1, vocab_size=99))
E2
