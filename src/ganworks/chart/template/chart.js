"use strict";
const count = (value) => Math.round(value).toLocaleString("en");
// Values under the pointer, the same position in every chart.
(() => {
  const round = (value) => {
    if (value === null) return "–";
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  };
  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
  };
  const element = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const charts = [...document.querySelectorAll("figure.chart[tabindex]")].flatMap((figure) => {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const layer = figure.querySelector(".cursor");
    if (!layer || !data.series) return [];
    const svg = figure.querySelector("svg");
    const [xLow, xHigh, left, right] = data.x;
    const [yLow, yHigh, bottom, top, log] = data.y;
    const px = (x) => left + (x - xLow) / (xHigh - xLow) * (right - left);
    const share = (y) => log ? (Math.log(y) - Math.log(yLow)) / (Math.log(yHigh) - Math.log(yLow)) : (y - yLow) / (yHigh - yLow);
    const py = (y) => bottom + share(y) * (top - bottom);
    const outputs = [...figure.querySelectorAll(".legend output")];
    const colors = [...figure.querySelectorAll(".legend .key")].map((key) => key.classList[1]);
    const at = figure.querySelector(".at");
    const show = (x) => {
      layer.replaceChildren();
      outputs.forEach((output) => { output.textContent = ""; });
      at.textContent = "";
      if (x === null) return;
      const inside = Math.min(Math.max(x, xLow), xHigh);
      layer.append(element("line", { x1: px(inside), x2: px(inside), y1: top, y2: bottom }));
      data.series.forEach(([xs, ys], index) => {
        if (!xs.length) return;
        const place = nearest(xs, x);
        // A line that has ended, or not begun, has no value here.
        const gap = Math.max((xs[xs.length - 1] - xs[0]) / Math.max(xs.length - 1, 1), (xHigh - xLow) / 50);
        if (Math.abs(xs[place] - x) > gap) return;
        outputs[index].textContent = round(ys[place]);
        if (ys[place] !== null && px(xs[place]) >= left - 1 && px(xs[place]) <= right + 1) {
          layer.append(element("circle", { cx: px(xs[place]), cy: py(ys[place]), r: 3.2, class: colors[index] }));
        }
      });
      const bands = data.bands.filter(([start, end]) => x >= start && x <= end).map((band) => band[2]);
      at.textContent = [count(x) + " " + data.unit, ...bands].join(" · ");
    };
    const grid = data.series.reduce((longest, [xs]) => xs.length > longest.length ? xs : longest, []);
    return [{ figure, svg, show, grid, unit: data.unit, left, right, xLow, xHigh, width: svg.viewBox.baseVal.width }];
  });

  let position = null;
  const move = (x, unit) => {
    position = x;
    charts.forEach((chart) => { if (chart.unit === unit) chart.show(x); });
  };
  charts.forEach((chart) => {
    const follow = (event) => {
      const box = chart.svg.getBoundingClientRect();
      const u = (event.clientX - box.left) / box.width * chart.width;
      const x = chart.xLow + (u - chart.left) / (chart.right - chart.left) * (chart.xHigh - chart.xLow);
      if (!chart.grid.length) return;
      move(chart.grid[nearest(chart.grid, x)], chart.unit);
    };
    chart.svg.addEventListener("pointermove", follow);
    chart.svg.addEventListener("pointerdown", follow);
    chart.svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") move(null, chart.unit); });
    chart.figure.addEventListener("blur", () => move(null, chart.unit));
    chart.figure.addEventListener("keydown", (event) => {
      const last = chart.grid.length - 1;
      const here = position === null ? last : nearest(chart.grid, position);
      const stride = Math.max(1, Math.round(last / 20));
      const next = {
        ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - stride, PageDown: here + stride, Home: 0, End: last,
      }[event.key];
      if (event.key === "Escape") move(null, chart.unit);
      if (next === undefined || last < 0) return;
      event.preventDefault();
      move(chart.grid[Math.min(Math.max(next, 0), last)], chart.unit);
    });
  });
})();
