// Three things: charts in the theme's colours, buttons that call the API, parts of the page that are kept fresh.
"use strict";

const told = document.getElementById("told");
let silence;

function say(text) {
  told.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { told.textContent = ""; }, 8000);
}

function themed(value, style) {
  if (typeof value === "string") return value.startsWith("@") ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
  if (Array.isArray(value)) return value.map((each) => themed(each, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, themed(each, style)]));
  }
  return value;
}

function layout(own) {
  const axis = { gridcolor: "@line", zerolinecolor: "@line", linecolor: "@line", automargin: true };
  return {
    margin: { l: 48, r: 12, t: 12, b: 44 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: "@text", family: "system-ui, sans-serif", size: 13 }, hovermode: "closest", showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, hoverlabel: { bgcolor: "@surface", font: { color: "@text" } },
    ...own, xaxis: { ...axis, ...own.xaxis }, yaxis: { ...axis, ...own.yaxis },
  };
}

// A name that comes from people: the charting library would read tags and entities in it.
function plain(value) {
  if (typeof value === "string") return value.replace(/[&<>]/g, (each) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[each]);
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, name === "hovertemplate" ? each : plain(each)]));
  }
  return value;
}

function draw(within) {
  if (!window.Plotly) return;
  const style = getComputedStyle(document.documentElement);
  for (const each of within.querySelectorAll("[data-chart]")) {
    const figure = plain(JSON.parse(each.dataset.chart));
    const options = { displayModeBar: false, responsive: true };
    window.Plotly.react(each, themed(figure.data, style), themed(layout(figure.layout), style), options);
  }
}

async function press(button) {
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.address, {
      method: button.dataset.method, headers: { "Content-Type": "application/json" }, body: button.dataset.body,
    });
    const found = await answer.json().catch(() => ({}));
    say(answer.ok ? "Done." : (found.error ? found.error.message : `The service answered ${answer.status}.`));
    if (answer.ok) await refresh(true);
  } catch (error) {
    say("The service does not answer; is it running?");
  } finally {
    button.disabled = false;
  }
}

// What the server last sent of each part: what the page has made of it, such as charts, is not compared.
const sent = new Map([...document.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each.innerHTML]));
let tag = null;

async function refresh(fresh = false) {
  const headers = fresh ? { "X-Labelwheel-Fresh": "1" } : {};
  if (tag && !fresh) headers["If-None-Match"] = tag;
  const answer = await fetch(location.href, { headers, cache: "no-store" });
  if (answer.redirected) { location.reload(); return; }
  if (answer.status !== 200) return;
  tag = answer.headers.get("ETag");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-part]")) {
    const part = page.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
    if (!part || sent.get(old.dataset.part) === part.innerHTML) continue;
    // whoever types or has the focus there is not interrupted, but for a button of which the outcome is shown
    if (!fresh && old.contains(document.activeElement)) continue;
    sent.set(old.dataset.part, part.innerHTML);
    const open = new Set([...old.querySelectorAll("details[open]")].map((each) => each.dataset.name || each.querySelector("summary").textContent));
    old.replaceChildren(...part.childNodes);
    for (const each of old.querySelectorAll("details")) {
      if (open.has(each.dataset.name || each.querySelector("summary").textContent)) each.open = true;
    }
    draw(old);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-address]");
  if (button) press(button);
});

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("labelwheel-theme", root.dataset.theme);
  draw(document);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(document));
draw(document);

const seconds = Number(document.body.dataset.live || 0);
if (seconds) {
  setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, seconds * 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().catch(() => {}); });
}
