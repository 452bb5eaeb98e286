// What a view shows of the samples: pictures, texts, curves, a cloud; and the way from one to another.
const SVG = "http://www.w3.org/2000/svg", SMALL = 160, ZOOM = 14; // pixels up to which a picture is shown with its own, and how large these get
let timer = null;

const make = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

export function show(view, caption, found, page) {
  clearInterval(timer);
  const {tab, facts} = page;
  caption.textContent = "";
  view.className = tab;
  if (tab === "translate") return showTranslation(view, caption, found, page);
  if (found.cloud) return showCloud(view, caption, found, facts);
  const parts = partsOf(found);
  if (found.sources) return view.replaceChildren(...pairs(parts, found, page));
  if (tab === "sample") {
    view.replaceChildren(parts[0]);
    caption.textContent = named(page.state.seed, found.labels[0]);
  } else if (tab === "between") showWalk(view, caption, parts, found, page);
  else if (tab === "mix") showMix(view, caption, parts, found);
  else showGrid(view, caption, parts, found, page);
}

const named = (seed, label) => label === undefined ? `seed ${seed}` : `seed ${seed}, class ${label}`;

// The samples as elements of the page.
function partsOf(found) {
  if (found.texts) return found.texts.map(text => make("blockquote", {textContent: text || "(empty)"}));
  if (found.series) return curves(found.series);
  return found.pictures.map(picture);
}

function picture(src) {
  const image = make("img", {alt: "a sample", draggable: false, onload: tellSize});
  image.src = src;
  return image;
}

function tellSize({target}) {
  const side = Math.max(target.naturalWidth, target.naturalHeight);
  target.classList.toggle("small", side <= SMALL);
  // A pixel of a small image gets no larger than it has to be for the image to be seen.
  target.style.setProperty("--side", `${side <= SMALL ? Math.max(256, ZOOM * target.naturalWidth) : 4096}px`);
}

function curves({names, colors, values}) {
  const all = values.flat(2), low = Math.min(...all), high = Math.max(...all, low + 1e-6);
  const color = i => colors[i % colors.length] === "#1a1a1a" ? "currentColor" : colors[i % colors.length];
  return values.map(series => {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 170 110");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", `curves of ${names.join(", ")}`);
    series.forEach((column, i) => {
      const line = document.createElementNS(SVG, "polyline");
      const x = t => column.length > 1 ? 170 * t / (column.length - 1) : 85;
      line.setAttribute("points", column.map((v, t) => `${x(t).toFixed(1)},${(106 - 102 * (v - low) / (high - low)).toFixed(1)}`).join(" "));
      line.style.stroke = color(i);
      drawing.append(line);
    });
    const legend = make("figcaption", {}, ...names.slice(0, 12).map((name, i) => {
      const word = make("span", {textContent: name});
      word.style.setProperty("--c", color(i));
      return word;
    }));
    return make("figure", {className: "curves"}, drawing, legend);
  });
}

function showGrid(view, caption, parts, found, {state, pick}) {
  const isText = Boolean(found.texts);
  const cells = parts.map((part, i) => {
    const seed = state.seed + i, words = named(seed, found.labels[i]);
    const cell = make("button", {type: "button", className: "cell", title: words, onclick: () => pick(seed, found.labels[i])}, part);
    cell.setAttribute("aria-label", `Look at ${words}${isText ? `: ${part.textContent}` : ""}`);
    return cell;
  });
  const grid = make("div", {className: isText ? "lines" : "cells"}, ...cells);
  arrange(grid, parts.length, found.columns || Math.ceil(Math.sqrt(parts.length)));
  view.replaceChildren(grid);
  caption.textContent = "Choose one to look at it alone.";
}

function arrange(grid, num, columns) {
  grid.style.setProperty("--columns", columns);
  grid.style.setProperty("--rows", Math.ceil(num / columns));
}

// The walk as a strip, and one place of it large: under the pointer of the slider, or played.
function showWalk(view, caption, parts, found, {state}) {
  const large = make("div", {className: "large"});
  const strip = make("div", {className: found.texts ? "lines" : "strip"}, ...parts);
  const at = make("input", {type: "range", min: 0, max: parts.length - 1, step: 1, value: 0});
  at.setAttribute("aria-label", "Place on the walk");
  const go = i => {
    at.value = i;
    const copy = parts[i].cloneNode(true);
    copy.onload = parts[i].onload;
    large.replaceChildren(copy);
    parts.forEach((part, j) => part.classList.toggle("at", j === i));
    caption.textContent = `from seed ${state.seed} to seed ${state.other}: ${Math.round(100 * i / Math.max(1, parts.length - 1))} %`;
  };
  const play = make("button", {type: "button", textContent: "▶ Play"});
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ Play"; };
  play.onclick = () => {
    if (timer) return stop();
    let i = Number(at.value), step = 1;
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => {
      if (i + step < 0 || i + step >= parts.length) step = -step;
      go(Math.max(0, Math.min(parts.length - 1, i += step)));
    }, 125);
  };
  at.oninput = () => { stop(); go(Number(at.value)); };
  parts.forEach((part, i) => { part.onclick = () => { stop(); go(i); }; });
  view.replaceChildren(large, make("div", {className: "walk"}, play, at), strip);
  timer = null;
  go(Math.floor((parts.length - 1) / 2));
}

function showMix(view, caption, parts, found) {
  const num = found.columns;
  parts.forEach((part, i) => {
    const [row, column] = [Math.floor(i / num), i % num];
    part.classList.toggle("source", row === column);
    part.title = row === column ? `source ${row + 1}` : `pose and shape of ${row + 1}, finer layers of ${column + 1}`;
  });
  const grid = make("div", {className: "cells"}, ...parts);
  arrange(grid, parts.length, num);
  view.replaceChildren(grid);
  caption.textContent = "Sources on the diagonal. A row gives the first layers (pose and shape), a column the others (colours).";
}

function showCloud(view, caption, found, facts) {
  const image = make("img", {src: found.cloud, alt: `a picture of ${facts.noun}`, className: "cloud"});
  view.replaceChildren(image);
  caption.textContent = "The first two coordinates.";
  if (!found.table) return;
  const row = (tag, cells) => make("tr", {}, ...cells.map(textContent => make(tag, {textContent})));
  const table = make("table", {}, make("thead", {}, row("th", found.table.names)), make("tbody", {}, ...found.table.rows.map(cells => row("td", cells))));
  view.append(make("div", {className: "scroll"}, table));
  caption.textContent = "The first two columns, and the first rows.";
}

function pairs(parts, found, {tab, state, pick}) {
  return parts.map((part, i) => {
    const both = make("div", {className: "pair"}, titled("source", picture(found.sources[i])), titled("translation", part));
    if (tab === "sample") return both;
    const cell = make("button", {type: "button", className: "cell", onclick: () => pick(state.seed + i)}, both);
    cell.setAttribute("aria-label", `Look at seed ${state.seed + i}`);
    return cell;
  });
}

const titled = (words, part) => make("figure", {className: words === "translation" ? "made" : ""}, part, make("figcaption", {textContent: words}));

function showTranslation(view, caption, found, {upload, take}) {
  const input = make("input", {type: "file", accept: "image/*", id: "upload"});
  input.onchange = () => { if (input.files[0]) take(input.files[0]); };
  const drop = make("label", {className: "drop", htmlFor: "upload"}, input, make("span", {textContent: upload ? "Another image" : "Drop an image here, or choose one"}));
  const stop = event => { event.preventDefault(); drop.classList.toggle("over", event.type === "dragover"); };
  drop.ondragover = drop.ondragleave = stop;
  drop.ondrop = event => { stop(event); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); };
  if (!found) return view.replaceChildren(drop);
  view.replaceChildren(make("div", {className: "pair"}, titled("your image", picture(upload.url)), titled("translation", picture(found.pictures[0]))), drop);
  caption.textContent = upload.name;
}
