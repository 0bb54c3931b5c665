"use strict";
// Everything that comes from people or from the model is set as text; nothing is ever read as HTML.
const by = (id) => document.getElementById(id);
let question, asked, spans = [];

function element(tag, text, more = {}) {
  const made = Object.assign(document.createElement(tag), more);
  if (text !== undefined) made.textContent = text;
  return made;
}

async function call(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options || {});
  const said = await answer.json().catch(() => ({ error: "no answer" }));
  if (!answer.ok) throw new Error(said.error || "no answer");
  return said;
}

function trouble(error) {
  by("trouble").hidden = !error;
  by("trouble").textContent = error ? error.message : "";
}

// The model counts characters as people do (code points), the browser in halves of some of them.
const points = (text) => Array.from(text);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const named = (item) => question.values.find((value) => same(value.item, item))?.text ?? String(item);
const sure = (score) => ` ${Math.round(100 * score)} %`;

function marked(text, marks, note) {
  const box = element("div", undefined, { className: "text" }), characters = points(text);
  let place = 0;
  for (const span of [...marks].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (span.start < place) { box.append(element("mark", ` +${span.label}`)); continue; }
    box.append(characters.slice(place, span.start).join(""));
    const mark = element("mark", characters.slice(span.start, span.end).join(""));
    mark.append(element("small", note ? note(span) : span.label));
    mark.span = span;
    box.append(mark);
    place = span.end;
  }
  box.append(characters.slice(place).join(""));
  return box;
}

function show(said) {
  const box = by("answer");
  box.replaceChildren();
  const items = said.item_scores, list = Array.isArray(said.answer) ? said.answer : [said.answer];
  if (said.answer === null) {
    box.append(element("p", "It has no answer."));
  } else if (question.widget === "marks") {
    box.append(marked(asked[0], said.answer, (span) => span.label + sure(items[said.answer.indexOf(span)] ?? said.score)));
    if (!said.answer.length) box.append(element("p", "Nothing is marked."));
  } else {
    list.forEach((item, place) => box.append(element("span", named(item) + sure(items[place] ?? said.score), { className: "chip" })));
    if (!list.length) box.append(element("p", "None of them."));
  }
  by("answered").hidden = false;
  by("flag").hidden = by("thanks").hidden = true;
  by("wrong").hidden = false;
  form(said.answer);
}

// What people answer, by the sort of form that the kind of question asks for.
const forms = {
  one(box, answer) {
    const select = element("select", undefined, { id: "one", ariaLabel: question.prompt });
    question.values.forEach((value, place) => select.append(element("option", value.text, { value: place, title: value.hint, selected: same(value.item, answer) })));
    box.append(select);
  },
  several(box, answer) {
    const set = element("fieldset");
    question.values.forEach((value, place) => {
      const label = element("label", undefined, { title: value.hint });
      label.append(element("input", undefined, { type: "checkbox", value: place, checked: (answer || []).some((item) => same(item, value.item)) }), ` ${value.text}`);
      set.append(label);
    });
    box.append(set);
  },
  number(box, answer) {
    const input = element("input", undefined, { type: "number", step: "any", required: true, ariaLabel: question.prompt, value: answer ?? "" });
    if (question.minimum !== null) input.min = question.minimum;
    if (question.maximum !== null) input.max = question.maximum;
    box.append(input);
  },
  words(box, answer) {
    const said = Array.isArray(answer) ? [...answer, ""] : [answer ?? ""];
    said.forEach((text) => box.append(element("textarea", text, { rows: 3, maxLength: 10000, ariaLabel: question.prompt })));
  },
  marks(box) {
    box.append(element("p", "Select words, then press what they are; press on a mark to take it away.", { className: "quiet" }));
    const text = marked(asked[0], spans);
    text.id = "marks";
    text.addEventListener("click", (event) => {
      const mark = event.target.closest("mark");
      if (mark?.span && document.getSelection().isCollapsed) { spans = spans.filter((one) => one !== mark.span); again(); }
    });
    box.append(text);
    question.values.forEach((value) => {
      const button = element("button", value.text, { type: "button", className: "value", title: value.hint });
      button.addEventListener("mousedown", (event) => event.preventDefault());
      button.addEventListener("click", () => { const found = selected(text); if (found) { spans.push({ ...found, label: value.item }); again(); } });
      box.append(button);
    });
  },
};

function form(answer) {
  spans = question.widget === "marks" ? [...(answer || [])] : [];
  by("right").replaceChildren();
  forms[question.widget](by("right"), answer);
}

function again() {
  by("right").replaceChildren();
  forms.marks(by("right"));
}

// Where the selection lies in the text itself, past the names of marks.
function selected(box) {
  const selection = document.getSelection();
  if (!selection.rangeCount || selection.isCollapsed || !box.contains(selection.anchorNode) || !box.contains(selection.focusNode)) return null;
  const range = selection.getRangeAt(0);
  const place = (node, offset) => {
    const before = document.createRange();
    before.setStart(box, 0);
    before.setEnd(node, offset);
    const part = before.cloneContents();
    part.querySelectorAll("small").forEach((name) => name.remove());
    return points(part.textContent).length;
  };
  const start = place(range.startContainer, range.startOffset), end = place(range.endContainer, range.endOffset);
  return start < end ? { start, end } : null;
}

function given() {
  const box = by("right");
  if (question.widget === "one") return question.values[box.querySelector("select").value].item;
  if (question.widget === "several") return [...box.querySelectorAll("input:checked")].map((one) => question.values[one.value].item);
  if (question.widget === "number") return Number(box.querySelector("input").value);
  if (question.widget === "words") {
    const said = [...box.querySelectorAll("textarea")].map((area) => area.value).filter((text) => text.trim());
    return question.maximum === 1 ? said[0] ?? null : said;
  }
  return spans;
}

const texts = () => [...by("inputs").querySelectorAll("textarea")].map((area) => area.value);

async function start() {
  question = await call("api/question");
  document.title = by("prompt").textContent = question.prompt;
  by("version").textContent = question.version;
  question.inputs.forEach((title, place) => {
    const area = element("textarea", undefined, { id: `input${place}`, rows: 4, maxLength: 10000 });
    by("inputs").append(element("label", title, { htmlFor: area.id }), area);
  });
  by("examples").hidden = !question.examples.length;
  question.examples.forEach((example) => {
    const button = element("button", example.join(" | ").slice(0, 80), { type: "button", className: "example" });
    button.addEventListener("click", () => by("inputs").querySelectorAll("textarea").forEach((area, place) => { area.value = example[place]; }));
    by("examples").append(button);
  });
}

by("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble();
  try {
    asked = texts();
    show(await call("api/answer", { texts: asked }));
  } catch (error) { trouble(error); }
});
by("wrong").addEventListener("click", () => { by("flag").hidden = false; });
by("flag").addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble();
  try {
    await call("api/flag", { texts: asked, answer: given() });
    by("flag").hidden = by("wrong").hidden = true;
    by("thanks").hidden = false;
  } catch (error) { trouble(error); }
});
start().catch(trouble);
