"""Small pretrained models that write an answer: loaded, asked, and told how sure they are."""
