// Zoomable drawings on a canvas: the run (a row a simulation, or the slots of a pool) and one task (a row a role).
const AXIS = 22;

// painter: {rows, rowHeight, gutter, label(row), paint(view), hit(row, moment) -> {text, link} or null, span: [low, high]}
function zoomable(painter, height) {
  const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": painter.name });
  const view = { low: painter.span[0], high: painter.span[1], scroll: 0, width: 0, height, canvas };
  const [first, last] = painter.span, least = Math.max((last - first) / 1e7, 1e-4);
  view.x = (moment) => painter.gutter + ((moment - view.low) / (view.high - view.low)) * (view.width - painter.gutter);
  view.moment = (x) => view.low + ((x - painter.gutter) / (view.width - painter.gutter)) * (view.high - view.low);
  const clamp = () => {
    const span = Math.min(Math.max(view.high - view.low, least), last - first);
    view.low = Math.min(Math.max(view.low, first), last - span);
    view.high = view.low + span;
    view.scroll = Math.min(Math.max(view.scroll, 0), Math.max(0, painter.rows * painter.rowHeight - (height - AXIS)));
  };
  let asked = false;
  const redraw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; clamp(); paintView(canvas, view, painter); });
  };
  const zoom = (factor, around) => {
    view.low = around - (around - view.low) * factor;
    view.high = around + (view.high - around) * factor;
    clampSpan(view, first, last, least);
    redraw();
  };
  listen(canvas, view, painter, zoom, redraw);
  new ResizeObserver(() => { view.width = canvas.clientWidth; redraw(); }).observe(canvas);
  const fit = () => { [view.low, view.high] = painter.span; redraw(); };
  const middle = () => (view.low + view.high) / 2;
  const buttons = make("div", { class: "bar" },
    make("button", { type: "button", "aria-label": "zoom in", onclick: () => zoom(0.5, middle()) }, "+"),
    make("button", { type: "button", "aria-label": "zoom out", onclick: () => zoom(2, middle()) }, "\u2212"),
    make("button", { type: "button", onclick: fit }, "Fit"),
    make("span", { class: "hint" }, "drag to move, Shift+drag to zoom into a part, Ctrl+wheel or + and \u2212 to zoom, arrow keys to move"));
  return { element: make("div", { class: "zoomable" }, buttons, canvas), buttons, view, redraw };
}

function clampSpan(view, first, last, least) {
  if (view.high - view.low > last - first) { view.low = first; view.high = last; }
  if (view.high - view.low < least) { const middle = (view.low + view.high) / 2; view.low = middle - least / 2; view.high = middle + least / 2; }
}

function paintView(canvas, view, painter) {
  if (!view.width) return;
  const ratio = window.devicePixelRatio || 1, width = Math.round(view.width * ratio), tall = Math.round(view.height * ratio);
  if (canvas.width !== width || canvas.height !== tall) { canvas.width = width; canvas.height = tall; canvas.style.height = `${view.height}px`; }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = css("--card");
  pen.fillRect(0, 0, view.width, view.height);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  paintAxis(pen, view, painter);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, view.width, view.height - AXIS);
  pen.clip();
  view.y = (row) => AXIS + row * painter.rowHeight - view.scroll;
  view.firstRow = Math.max(0, Math.floor(view.scroll / painter.rowHeight));
  view.lastRow = Math.min(painter.rows - 1, Math.floor((view.scroll + view.height - AXIS) / painter.rowHeight));
  painter.paint(pen, view);
  pen.fillStyle = css("--card");
  pen.fillRect(0, AXIS, painter.gutter - 2, view.height);
  paintLabels(pen, view, painter);
  pen.restore();
  if (view.marked) {
    pen.fillStyle = "rgba(90, 140, 220, .25)";
    pen.fillRect(view.marked[0], AXIS, view.marked[1] - view.marked[0], view.height);
  }
}

function paintAxis(pen, view, painter) {
  const origin = painter.relative ? painter.span[0] : 0;
  const places = timeSteps(view.low - origin, view.high - origin, Math.max(2, (view.width - painter.gutter) / 110)), text = axisText(view.high - origin, places.length > 1 ? places[1] - places[0] : 0);
  pen.textBaseline = "middle";
  for (const place of places) {
    const x = view.x(place + origin);
    pen.fillStyle = css("--line");
    pen.fillRect(x, AXIS - 5, 1, view.height);
    pen.fillStyle = css("--faint");
    const words = text(place), width = pen.measureText(words).width;
    pen.fillText(words, Math.min(Math.max(x - width / 2, painter.gutter), view.width - width), 9);
  }
}

function paintLabels(pen, view, painter) {
  if (painter.rowHeight < 11) return;
  for (let row = view.firstRow; row <= view.lastRow; row++) {
    pen.fillStyle = css("--ink");
    pen.textBaseline = "middle";
    pen.fillText(shortened(pen, painter.label(row), painter.gutter - 10), 2, view.y(row) + painter.rowHeight / 2);
  }
}

function shortened(pen, words, room) {
  if (pen.measureText(words).width <= room) return words;
  let low = 0, high = words.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${words.slice(0, middle)}\u2026`).width <= room) low = middle; else high = middle - 1;
  }
  return low ? `${words.slice(0, low)}\u2026` : "";
}

function listen(canvas, view, painter, zoom, redraw) {
  let held = null, moved = false;
  const place = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const found = (event) => {
    const [x, y] = place(event), row = Math.floor((y - AXIS + view.scroll) / painter.rowHeight);
    if (y < AXIS || row < 0 || row >= painter.rows) return null;
    return painter.hit(row, view.moment(x), (view.high - view.low) / (view.width - painter.gutter) * 3);
  };
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.0025), view.moment(place(event)[0])); return; }
    const sideways = event.shiftKey ? event.deltaY : event.deltaX, before = view.scroll;
    if (sideways) { event.preventDefault(); shift(view, sideways / (view.width - painter.gutter)); redraw(); return; }
    view.scroll = Math.min(Math.max(view.scroll + event.deltaY, 0), Math.max(0, painter.rows * painter.rowHeight - (view.height - AXIS)));
    if (view.scroll !== before) { event.preventDefault(); redraw(); }
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: place(event)[0], y: place(event)[1], low: view.low, high: view.high, scroll: view.scroll, mark: event.shiftKey };
    moved = false;
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("dragging");
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) { const hit = found(event); if (hit) showTip(event, hit.text); else hideTip(); canvas.style.cursor = hit && hit.link ? "pointer" : ""; return; }
    const [x, y] = place(event);
    if (Math.abs(x - held.x) + Math.abs(y - held.y) > 4) moved = true;
    hideTip();
    if (held.mark) view.marked = [Math.min(x, held.x), Math.max(x, held.x)];
    else {
      const by = ((held.x - x) / (view.width - painter.gutter)) * (held.high - held.low);
      view.low = held.low + by; view.high = held.high + by; view.scroll = held.scroll + held.y - y;
    }
    redraw();
  });
  const release = (event) => {
    if (!held) return;
    if (held.mark && view.marked && view.marked[1] - view.marked[0] > 4) {
      const [low, high] = view.marked.map(view.moment);
      view.low = low; view.high = high;
    } else if (!moved) { const hit = found(event); if (hit && hit.link) location.hash = hit.link.slice(1); else if (hit && hit.pick) hit.pick(); }
    held = null; view.marked = null;
    canvas.classList.remove("dragging");
    redraw();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", () => { held = null; view.marked = null; redraw(); });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("dblclick", (event) => zoom(0.4, view.moment(place(event)[0])));
  canvas.addEventListener("keydown", (event) => {
    const middle = (view.low + view.high) / 2;
    const keys = {
      "+": () => zoom(0.5, middle), "=": () => zoom(0.5, middle), "-": () => zoom(2, middle), "0": () => { [view.low, view.high] = painter.span; },
      ArrowLeft: () => shift(view, -0.15), ArrowRight: () => shift(view, 0.15), ArrowUp: () => { view.scroll -= 60; }, ArrowDown: () => { view.scroll += 60; },
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault(); keys[event.key](); redraw();
  });
}

function shift(view, part) { const by = (view.high - view.low) * part; view.low += by; view.high += by; }

function hatch(pen, tone) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const inner = tile.getContext("2d");
  inner.fillStyle = tone; inner.fillRect(0, 0, 6, 6);
  inner.strokeStyle = css("--card"); inner.lineWidth = 1.3;
  inner.beginPath(); inner.moveTo(-1, 7); inner.lineTo(7, -1); inner.stroke();
  return pen.createPattern(tile, "repeat");
}
