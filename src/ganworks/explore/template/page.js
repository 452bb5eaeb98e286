// The page: a state, the view that it stands for, and the server that draws it.
import {buildControls, settingsOf, TABS} from "./controls.js";
import {show} from "./view.js";

const find = id => document.getElementById(id);
const state = {tab: "", seed: 0, other: 1, count: 16, steps: 12, sources: 4, move: [], codes: []};
let facts = null, isBusy = false, isStale = false, upload = null;

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: has its command ended?");
  }
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

// One request at a time, and then one for the latest state: a slider asks faster than a network draws.
export async function draw() {
  remember();
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  while (isStale) {
    isStale = false;
    find("stage").setAttribute("aria-busy", "true");
    const tab = state.tab;
    try {
      const found = await request();
      if (isStale) continue;
      find("error").hidden = true;
      show(find("view"), find("caption"), found, {tab, facts, state, upload, pick, take});
      find("command").textContent = found ? found.command : "";
      find("result").hidden = !found;
    } catch (error) {
      if (isStale) continue;
      find("error").textContent = error.message;
      find("error").hidden = false;
      find("result").hidden = true;
    }
  }
  isBusy = false;
  find("stage").setAttribute("aria-busy", "false");
}

function query(more = {}) {
  return new URLSearchParams({...settingsOf(state, facts), ...more}).toString();
}

function request() {
  if (state.tab !== "translate") return ask(`draw?${query({out: fileName(facts.forms[0])})}`);
  if (!upload) return Promise.resolve(null);
  const path = `translate?${query({input: upload.name, out: "translated.png"})}`;
  return ask(path, {method: "POST", body: upload.file});
}

const NAMES = {
  sample: () => `seed_${state.seed}`, grid: () => `samples_${state.seed}`, mix: () => `mix_${state.seed}`,
  between: () => `walk_${state.seed}_${state.other}`,
};
const fileName = form => NAMES[state.tab]() + form;

function pick(seed, label) {
  state.seed = seed;
  if (state.label && label !== undefined) state.label = label; // that of its place among classes in turn
  if (facts.tabs.includes("sample")) select("sample");
}

function take(file) {
  if (upload) URL.revokeObjectURL(upload.url);
  // A plain name, which the noise of a translator depends on.
  upload = {file, name: file.name.replace(/^\.+|[/\\]/g, "") || "image.png", url: URL.createObjectURL(file)};
  draw();
}

function select(tab) {
  state.tab = document.body.dataset.tab = tab;
  for (const button of find("tabs").children) {
    const isChosen = button.dataset.tab === tab;
    button.setAttribute("aria-selected", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }
  buildControls(find("controls"), state, facts, draw);
  buildSaves();
  find("view").replaceChildren();
  find("caption").textContent = "";
  draw();
}

function buildSaves() {
  const strips = state.tab === "between" ? facts.films : [];
  const forms = state.tab === "translate" ? [] : [...new Set([...facts.forms, ...strips])];
  find("saves").replaceChildren(...forms.map(form => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Save ${form.slice(1).toUpperCase()}`;
    button.dataset.form = form;
    button.onclick = () => save(form);
    return button;
  }));
  if (state.tab === "translate") {
    const button = document.createElement("button");
    Object.assign(button, {type: "button", textContent: "Save PNG", onclick: saveTranslation});
    find("saves").replaceChildren(button);
  }
}

async function save(form) {
  try {
    const answer = await fetch(`save?${query({out: fileName(form)})}`);
    if (!answer.ok) throw new Error((await answer.json()).error);
    download(URL.createObjectURL(await answer.blob()), fileName(form));
  } catch (error) {
    find("error").textContent = error.message;
    find("error").hidden = false;
  }
}

function saveTranslation() {
  const made = document.querySelector("#view .made img");
  if (made) download(made.src, "translated.png");
}

function download(url, name) {
  const link = document.createElement("a");
  Object.assign(link, {href: url, download: name});
  link.click();
}

// The address keeps the view: a reload, a bookmark and the way back lead to the same picture.
function remember() {
  const kept = Object.entries(state).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(kept.map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : value]));
  history.replaceState(null, "", `#${text}`);
}

function recall() {
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    if (["move", "codes"].includes(name)) state[name] = text ? text.split(" ").map(Number) : [];
    else if (["tab", "label", "way", "chosen"].includes(name)) state[name] = text;
    else if (text !== "" && Number.isFinite(Number(text))) state[name] = Number(text);
  }
}

find("copy").onclick = async event => {
  const button = event.currentTarget, words = button.textContent;
  try {
    await navigator.clipboard.writeText(find("command").textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(find("command"));
    button.textContent = "Selected: press Ctrl-C";
  }
  setTimeout(() => { button.textContent = words; }, 1500);
};

find("tabs").onkeydown = event => {
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  const tabs = facts.tabs, next = tabs[(tabs.indexOf(state.tab) + step + tabs.length) % tabs.length];
  select(next);
  [...find("tabs").children].find(button => button.dataset.tab === next).focus();
};

async function begin() {
  try {
    facts = await ask("facts");
  } catch (error) {
    find("error").textContent = error.message;
    find("error").hidden = false;
    return;
  }
  document.title = `Explore ${facts.name}`;
  // The end of a path says which run it is; the command has the whole.
  Object.assign(find("name"), {textContent: facts.name.split(/[/\\]/).filter(Boolean).slice(-2).join(" / "), title: facts.name});
  find("about").textContent = facts.about.join(" · ");
  state.count = facts.is_cloud ? 2000 : 16;
  state.tab = facts.tabs[0];
  recall();
  if (!facts.tabs.includes(state.tab)) state.tab = facts.tabs[0];
  if (!facts.tabs.length) {
    find("error").textContent = "This generator needs more than noise, classes or images, and its data are not at hand.";
    find("error").hidden = false;
    return;
  }
  find("tabs").replaceChildren(...facts.tabs.map(tab => {
    const button = document.createElement("button");
    Object.assign(button, {type: "button", textContent: TABS(facts)[tab], onclick: () => select(tab)});
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", "stage");
    button.dataset.tab = tab;
    return button;
  }));
  find("tabs").hidden = facts.tabs.length < 2;
  select(state.tab);
}

begin();
