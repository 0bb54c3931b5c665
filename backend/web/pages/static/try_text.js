// The box to try a text in: what the model says, which words carried it, what is labelled near it.
// Texts are people's own: they are put into the page as text alone.
"use strict";

function made(name, text, kind) {
  const found = document.createElement(name);
  if (text !== undefined) found.textContent = text;
  if (kind) found.className = kind;
  return found;
}

function brief(item, text) {
  if (item === null || item === undefined) return "nothing";
  if (Array.isArray(item)) return item.length ? item.map((each) => brief(each, text)).join(", ") : "nothing";
  if (typeof item === "object" && "start" in item) return `${item.label}: ${Array.from(text).slice(item.start, item.end).join("")}`;
  return typeof item === "object" ? JSON.stringify(item) : String(item);
}

// Each field with the words that carried an item of the answer, the stronger the more they did.
function marked(found, carried) {
  const most = Math.max(...carried.weights, 0);
  const chosen = new Set(carried.marked);
  return found.question.inputs.map((field) => {
    const points = Array.from(found.fields[field] || "");
    const shown = made("p", undefined, "tried");
    let at = 0;
    found.words.forEach((word, place) => {
      const share = most > 0 ? carried.weights[place] / most : 0;
      if (word.field !== field || !(chosen.has(place) || share > 0.1)) return;
      shown.append(points.slice(at, word.start).join(""));
      const strength = chosen.has(place) ? "carried" : share > 0.5 ? "strong" : "weak";
      const mark = made("mark", points.slice(word.start, word.end).join(""), strength);
      mark.title = `without it the score is ${carried.weights[place].toFixed(2)} lower`;
      shown.append(mark);
      at = word.end;
    });
    shown.append(points.slice(at).join(""));
    return shown;
  });
}

function scores(found, text) {
  const items = Array.isArray(found.prediction.answer) ? found.prediction.answer : [];
  if (!items.length || found.prediction.item_scores.length !== items.length) return [];
  const list = made("ul");
  items.forEach((item, place) => list.append(made("li", `${brief(item, text)}: ${found.prediction.item_scores[place].toFixed(2)}`)));
  return [list];
}

// Labelled examples, each with its label in front and what is said of it behind.
function examples(found, rows, said) {
  const list = made("ol");
  for (const each of rows) {
    const one = made("li");
    const texts = found.question.inputs.map((field) => each.fields[field] || "");
    one.append(made("strong", brief(each.label, texts[0])), ` ${texts.join(" · ")} `, made("span", said(each), "dim"));
    list.append(one);
  }
  return list;
}

function shown(found) {
  const text = found.fields[found.question.inputs[0]] || "";
  const parts = [made("h3", "Answer")];
  const answer = found.prediction.answer;
  const said = made("p");
  said.append(made("strong", answer === null ? "no suggestion" : brief(answer, text)), ` with a score of ${found.prediction.score.toFixed(2)}, by `, made("span", found.version, "version"));
  parts.push(said, ...scores(found, text));
  if (found.carried.length) {
    parts.push(made("h3", "What carried it"));
    for (const each of found.carried) {
      if (found.carried.length > 1) parts.push(made("h4", brief(each.item, text)));
      parts.push(...marked(found, each));
      const words = each.marked.map((place) => found.words[place].text).join(", ");
      if (words) parts.push(made("p", each.rest > 0 ? `Without “${words}” its score is ${each.rest.toFixed(2)}.` : `Without “${words}” it is gone.`, "dim"));
    }
  }
  parts.push(made("h3", "Nearest labelled examples"));
  if (found.nearest.length) {
    parts.push(examples(found, found.nearest, (each) => `(likeness ${each.likeness.toFixed(2)})`), made("p", `Of ${found.compared} labelled examples.`, "dim"));
  } else {
    parts.push(made("p", found.compared ? "None of them is near." : "There are none to compare it with yet.", "dim"));
  }
  if (found.moved.length) {
    parts.push(made("h3", "Labels that moved it most"));
    const several = new Set(found.moved.map((each) => each.item)).size > 1;
    parts.push(examples(found, found.moved, (each) => `(${Math.abs(100 * each.share).toFixed(0)} % ${each.share < 0 ? "against it" : "for it"}${several ? `, ${each.item}` : ""})`));
  } else if (found.unmoved) parts.push(made("p", `${found.unmoved.slice(0, 1).toUpperCase()}${found.unmoved.slice(1)}.`, "dim"));
  return parts;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-explain]");
  if (!form) return;
  event.preventDefault();
  const place = document.getElementById("tried");
  const button = form.querySelector("button");
  button.disabled = true;
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(made("p", "Asking the model, also without each of the words …", "dim"));
  try {
    const answer = await fetch(form.dataset.explain, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ fields: Object.fromEntries(new FormData(form)) }),
    });
    const found = await answer.json().catch(() => ({}));
    if (answer.ok) place.replaceChildren(...shown(found));
    else place.replaceChildren(made("p", found.error ? found.error.message : `The service answered ${answer.status}.`, "problem"));
  } catch (error) {
    place.replaceChildren(made("p", "The service does not answer; is it running?", "problem"));
  } finally {
    button.disabled = false;
    place.removeAttribute("aria-busy");
  }
});
