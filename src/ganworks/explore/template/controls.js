// The controls of a view, and the settings of sample.py that they stand for.
export const TABS = facts => ({
  translate: "Your image", sample: facts.tabs.includes("translate") ? "From the data" : "One sample",
  grid: facts.is_cloud ? "Samples" : "Many", between: "Between two", mix: "Mix styles",
});

const MAX_SEED = 2 ** 31 - 1, FARTHEST = 3;
const trimmed = numbers => numbers.slice(0, numbers.findLastIndex(number => number) + 1);
const isMoved = state => trimmed(state.move).length > 0;
const last = (state, n) => Math.min(state.seed + n, MAX_SEED) - 1;

export function settingsOf(state, facts) {
  const asked = {};
  SEEDS[state.tab](asked, state, facts);
  if (state.label !== undefined && state.label !== "" && facts.labels) asked.label = state.label;
  if (state.way === "back" && facts.has_way_back) asked.direction = "back";
  if (state.tab === "translate") return asked;
  if (facts.codes && state.codes.length) asked.code = state.codes.join(",");
  if (facts.has_temperature && state.temperature) asked.temperature = state.temperature;
  if (state.truncation !== undefined && facts.truncation) {
    asked.truncation = state.truncation;
    if (facts.truncation === "psi" && state.tab !== "mix") asked.space = "w";
    if (facts.truncation === "psi" && state.cutoff) asked.cutoff = state.cutoff;
  }
  if (canMove(state, facts) && isMoved(state)) asked.move = trimmed(state.move).join(",");
  return asked;
}

const SEEDS = {
  translate: (asked, state) => { if (state.seed) asked.seed = state.seed; },
  sample: (asked, state) => { asked.seeds = state.seed; },
  grid: (asked, state, facts) => {
    if (facts.is_cloud) Object.assign(asked, {num: state.count, seed: state.seed});
    else asked.seeds = `${state.seed}-${last(state, state.count)}`;
    // A column for each class.
    if (facts.labels?.in_turn && state.label === facts.labels.names.join(",")) asked.columns = facts.labels.num;
  },
  between: (asked, state, facts) => {
    Object.assign(asked, {interpolate: 1, seeds: `${state.seed},${state.other}`, num: state.steps});
    if (facts.num_ws) asked.space = "w";
  },
  mix: (asked, state) => {
    const seeds = chosenSeeds(state);
    Object.assign(asked, {mix: seeds.length, seeds: seeds.join(",")});
    if (state.crossover) asked.crossover = state.crossover;
  },
};

// The seeds whose styles are mixed: those that were written, or some that follow each other.
function chosenSeeds(state) {
  const written = (state.chosen || "").split(/[\s,;]+/).filter(text => /^\d+$/.test(text)).map(Number);
  return written.length > 1 ? written.slice(0, 8) : Array.from({length: state.sources}, (_, i) => state.seed + i);
}

const canMove = (state, facts) => facts.directions.length > 0 && ["sample", "grid"].includes(state.tab);

export function buildControls(form, state, facts, draw) {
  const make = maker(state, draw);
  form.onsubmit = event => event.preventDefault();
  const rebuild = () => buildControls(form, state, facts, draw);
  const sample = [...seedRows(make, state, facts), ...labelRows(make, state, facts)];
  const groups = [codeGroup, qualityGroup, directionGroup].map(group => group(make, state, facts, rebuild));
  form.replaceChildren(...(sample.length ? [make.group("Sample", sample)] : []), ...groups.filter(Boolean));
}

function seedRows(make, state, facts) {
  const {tab} = state, rows = [];
  const words = {sample: "Seed", grid: facts.is_cloud ? "Seed" : "First seed", between: "From seed", mix: "First seed"};
  if (tab !== "translate" || facts.has_noise) rows.push(make.seed(words[tab] || "Seed", "seed"));
  if (tab === "between") rows.push(make.seed("To seed", "other"), make.slider("Steps", "steps", 3, 40, 1));
  if (tab === "grid") {
    const [low, high, step] = facts.is_cloud ? [100, 10000, 100] : [1, 64, 1];
    rows.push(make.slider("How many", "count", low, high, step));
  }
  if (tab === "mix") {
    const layers = facts.num_ws;
    rows.push(make.slider("How many", "sources", 2, 8, 1), make.text("Or these seeds", "chosen", "3, 14, 15"));
    if (layers > 2) rows.push(make.slider("Rows give the layers below", "crossover", 1, layers - 1, 1, {off: Math.floor(layers / 2)}));
  }
  if (facts.has_way_back) rows.push(make.choice("Direction", "way", [["", "forth"], ["back", "back"]]));
  return rows;
}

function labelRows(make, state, facts) {
  const labels = facts.labels;
  if (!labels) return [];
  if (labels.kind !== "class") {
    const example = labels.kind === "multi" ? "[0,2]" : "[.1,-2,…]";
    if (state.label === undefined && !labels.is_drawn) state.label = labels.kind === "multi" ? "[0]" : `[${Array(labels.num).fill(0)}]`;
    const names = labels.names.length ? `: ${labels.names.slice(0, 12).join(", ")}` : "";
    return [make.text(labels.kind === "multi" ? "Classes" : `${labels.num} numbers`, "label", example + names)];
  }
  const inTurn = state.tab === "grid" && labels.in_turn ? [[labels.names.join(","), "each in turn"]] : [];
  if (!inTurn.length && state.label && state.label === labels.names.join(",")) state.label = "";
  const choices = [["", "by the seed"], ...inTurn, ...labels.names.map(name => [name, name])];
  return [make.choice("Class", "label", choices)];
}

function codeGroup(make, state, facts) {
  const {codes, tabs} = facts;
  if (!codes || !tabs.includes(state.tab) || state.tab === "translate") return null;
  const num = codes.categories.length + codes.continuous;
  if (state.codes.length !== num) state.codes = Array(num).fill(0);
  const rows = state.codes.map((_, i) => {
    const size = codes.categories[i];
    return size ? make.slider(`Category ${i + 1}`, "codes", 0, size - 1, 1, {index: i})
      : make.slider(`Code ${i - codes.categories.length + 1}`, "codes", -1, 1, .05, {index: i});
  });
  return make.group("Codes", rows);
}

function qualityGroup(make, state, facts) {
  if (state.tab === "translate") return null;
  const rows = [];
  if (facts.truncation === "psi") {
    rows.push(make.slider("Truncation ψ", "truncation", -1, 1.5, .05, {off: 1}));
    rows.push(make.slider("Layers", "cutoff", 1, facts.num_ws, 1, {off: facts.num_ws, name: "all", title: "the first layers alone are truncated"}));
  }
  if (facts.truncation === "bound") rows.push(make.slider("Truncation", "truncation", .1, 3, .1, {off: 3, name: "none"}));
  if (facts.has_temperature) rows.push(make.slider("Temperature", "temperature", .1, 2, .05, {off: 1}));
  return rows.length ? make.group("Variety and quality", rows) : null;
}

function directionGroup(make, state, facts, rebuild) {
  if (!["sample", "grid"].includes(state.tab) || facts.tabs.includes("translate")) return null;
  if (!facts.directions.length) {
    return facts.codes ? null : make.group("Directions", [make.note(`None: ${facts.no_directions}.`)]);
  }
  while (state.move.length < facts.directions.length) state.move.push(0);
  const rows = facts.directions.map((share, i) => make.slider(
    `${i + 1}`, "move", -FARTHEST, FARTHEST, .1, {index: i, off: 0, title: `${(100 * share).toFixed(1)} % of the effect on ${facts.num_ws ? "the styles" : "the first layer"}`},
  ));
  const words = "The strongest first, in deviations of the latent. A double click leads back to 0.";
  const reset = () => { state.move.fill(0); rebuild(); };
  return make.group("Directions", [...rows, make.buttons([["All to 0", reset], ["Shuffle", () => {
    state.move = state.move.map(() => Math.round(20 * (Math.random() + Math.random() - 1) * 1.5) / 10);
    rebuild();
  }]]), make.note(words)], "directions");
}

// The parts that controls are built of. `name` is of the state; `index` of its place in a list there.
function maker(state, draw) {
  const element = (tag, attributes = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...children);
    return made;
  };
  const get = (name, index) => index === undefined ? state[name] : state[name][index];
  const set = (name, index, value) => {
    if (index === undefined) state[name] = value; else state[name][index] = value;
    draw();
  };
  return {
    group: (title, rows, kind = "") => element("fieldset", {className: kind}, element("legend", {textContent: title}), ...rows),
    note: text => element("p", {className: "note", textContent: text}),
    buttons: list => element("div", {className: "row buttons"}, ...list.map(([textContent, action]) =>
      element("button", {type: "button", textContent, onclick: () => { action(); draw(); }}))),
    seed: (label, name) => {
      const input = element("input", {type: "number", min: 0, max: MAX_SEED, step: 1, value: state[name], id: `in-${name}`});
      input.oninput = () => { if (input.value !== "" && input.validity.valid) set(name, undefined, Number(input.value)); };
      const go = value => { input.value = Math.min(Math.max(value, 0), MAX_SEED); set(name, undefined, Number(input.value)); };
      const button = (textContent, title, next) => {
        const made = element("button", {type: "button", textContent, title, onclick: () => go(next())});
        made.setAttribute("aria-label", `${label}: ${title}`);
        return made;
      };
      return element("div", {className: "row seed"}, element("label", {htmlFor: input.id, textContent: label}), input,
        button("‹", "the one before", () => state[name] - 1), button("›", "the next", () => state[name] + 1),
        button("⚄", "any", () => Math.floor(Math.random() * 1e5)));
    },
    // At `off` the setting is left out, and `name` stands for its value; a double click leads there.
    slider: (label, name, min, max, step, {index, off, name: word, title = ""} = {}) => {
      const keepsOff = index !== undefined || off === undefined;
      const value = get(name, index) ?? off;
      const id = `in-${name}${index ?? ""}`;
      const input = element("input", {type: "range", min, max, step, id, title}), output = element("output", {htmlFor: id});
      input.value = value;
      const tell = () => {
        const number = Number(input.value);
        input.classList.toggle("off", number === off);
        output.textContent = word && number === off ? word : step < 1 ? number.toFixed(step < .1 ? 2 : 1) : number;
      };
      input.oninput = () => {
        tell();
        const number = Number(input.value);
        set(name, index, !keepsOff && number === off ? undefined : number);
      };
      if (off !== undefined) input.ondblclick = () => { input.value = off; input.oninput(); };
      tell();
      return element("div", {className: "row slider"}, element("label", {htmlFor: id, textContent: label, title}), input, output);
    },
    choice: (label, name, choices) => {
      const select = element("select", {id: `in-${name}`}, ...choices.map(([value, textContent]) => element("option", {value, textContent})));
      select.value = state[name] ?? "";
      if (select.selectedIndex < 0) select.selectedIndex = 0;
      select.onchange = () => set(name, undefined, select.value);
      return element("div", {className: "row"}, element("label", {htmlFor: select.id, textContent: label}), select);
    },
    text: (label, name, placeholder) => {
      const input = element("input", {type: "text", id: `in-${name}`, value: state[name] ?? "", placeholder, spellcheck: false});
      input.oninput = () => set(name, undefined, input.value);
      return element("div", {className: "row"}, element("label", {htmlFor: input.id, textContent: label}), input);
    },
  };
}
