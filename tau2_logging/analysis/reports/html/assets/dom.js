// Elements, numbers and colors. Text from a log only ever becomes a text node: nothing here parses markup.
const DATA = JSON.parse(document.getElementById("data").textContent);

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "href") { if (String(value).startsWith("#/")) element.setAttribute("href", value); }
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  append(element, children);
  return element;
}

// Numbers are written as in tau2_logging/units.py.
const DASH = "-", HUGE = 1e15;

function unknown(number) { return number === null || Number.isNaN(number); }
function rounded(number, count) { return Number(number.toPrecision(count)); }
function exponent(number) { return number ? Math.floor(Math.log10(Math.abs(number))) : 0; }
function huge(number) { return number.toExponential(2).replace(/\.?0+e/, "e"); }

function digits(number, count) {
  if (Math.abs(number) < 1e-9) return number ? number.toExponential(count - 1).replace(/\.?0+e/, "e") : "0";
  const text = number.toFixed(Math.min(100, Math.max(0, count - 1 - exponent(number))));
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}


const UNITS = [[3600000, "h", 2], [60000, "min", 2], [1000, "s", 1], [1, "ms", 1], [0.001, "\u00b5s", 0]];

function unitFor(ms) {
  return UNITS.find(([size, , least]) => Math.abs(rounded(ms, 3)) >= size * least) || UNITS[4];
}

const show = {
  ms(ms) {
    if (unknown(ms) || !Number.isFinite(ms)) return DASH;
    if (ms === 0) return "0";
    if (Math.abs(ms) >= HUGE) return `${huge(ms / 3600000)} h`;
    const [size, name] = unitFor(ms);
    return `${digits(ms / size, 3)} ${name}`;
  },
  usd(usd) {
    if (unknown(usd)) return "unknown";
    if (usd === 0) return "free";
    const size = Math.abs(usd), sign = usd < 0 ? "-$" : "$";
    if (size >= HUGE || size < 1e-9) return sign + size.toExponential(1).replace(/\.?0+e/, "e");
    const figures = rounded(size, 2) < 0.01 ? 2 : 3, places = Math.max(2, figures - 1 - exponent(rounded(size, figures)));
    const text = size.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    return sign + (figures === 2 ? text : text.replace(/(\.\d\d\d*?)0+$/, "$1"));
  },
  count(number) {
    if (unknown(number)) return DASH;
    if (Math.abs(number) >= HUGE) return huge(number);
    const [size, name] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(rounded(number, 3)) >= size) || [1, ""];
    return digits(number / size, 3) + name;
  },
  int(number) { return unknown(number) ? DASH : Math.abs(number) < HUGE ? number.toLocaleString("en-US", { maximumFractionDigits: 0 }) : huge(number); },
  number(number) {
    if (unknown(number) || !Number.isFinite(number)) return DASH;
    const size = Math.abs(number);
    if (size >= HUGE || (size && rounded(size, 4) < 1e-4)) return number.toExponential(3).replace(/\.?0+e/, "e");
    return size >= 1e4 ? number.toLocaleString("en-US", { maximumFractionDigits: 0 }) : digits(number, 4);
  },
  share(share) {
    if (unknown(share) || !Number.isFinite(share)) return DASH;
    if (Math.abs(share) > 1e-9 && Math.abs(share) < 0.0005) return "<0.1 %";
    if (share >= 0.9995 && share < 1 - 1e-9) return ">99.9 %";
    return Math.abs(share) < HUGE ? `${(share * 100).toFixed(1)} %` : huge(share);
  },
  p(p) { return p === null || !Number.isFinite(p) ? DASH : p < 0.001 ? "<0.001" : p.toFixed(3); },
  text(text) { return text === null ? DASH : String(text); },
};

// Colors of roles in the theme that is on.
function theme() { return document.documentElement.dataset.theme; }
function color(role) { return DATA.colors[theme()][role] || DATA.colors[theme()].other; }
function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function startTheme(redraw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const apply = () => {
    document.documentElement.dataset.theme = chosen || (system.matches ? "dark" : "light");
    redraw();
  };
  system.addEventListener("change", apply);
  document.documentElement.dataset.theme = system.matches ? "dark" : "light";
  return () => { chosen = theme() === "dark" ? "light" : "dark"; apply(); };
}

const tip = make("div", { class: "tip", role: "status" });
function showTip(event, text) {
  tip.textContent = text;
  tip.style.display = "block";
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? Math.max(4, event.clientY - box.height - 10) : event.clientY + 18}px`;
}
function hideTip() { tip.style.display = "none"; }

function swatch(role) {
  const square = make("span", { class: "swatch" });
  square.style.background = color(role);
  return square;
}
function badge(word) { return word === null ? DASH : make("span", { class: `badge ${/_error$|^not measured$/.test(word) ? "error" : /^[a-z]+$/.test(word) ? word : ""}` }, word); }
function card(title, ...children) { return make("section", { class: "card" }, title && make("h2", {}, title), children); }
