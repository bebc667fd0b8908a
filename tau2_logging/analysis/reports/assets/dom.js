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

const DASH = "\u2013";

function digits(number, count) {
  if (!number) return "0";
  const places = Math.max(0, count - 1 - Math.floor(Math.log10(Math.abs(number))));
  return String(Number(number.toFixed(Math.min(places, 9))));
}

const UNITS = [[3600000, "h", 2], [60000, "min", 2], [1000, "s", 1], [1, "ms", 1], [0.001, "\u00b5s", 0]];

function unitFor(ms) {
  return UNITS.find(([size, , least]) => Math.abs(ms) >= size * least) || UNITS[4];
}

const show = {
  ms(ms) {
    if (ms === null || !Number.isFinite(ms)) return DASH;
    if (ms === 0) return "0";
    const [size, name] = unitFor(ms);
    return `${digits(ms / size, 3)} ${name}`;
  },
  usd(usd) {
    if (usd === null || !Number.isFinite(usd)) return "unknown";
    if (Math.abs(usd) >= 1 || usd === 0) return `$${usd.toFixed(2)}`;
    return Math.abs(usd) >= 0.01 ? `$${usd.toFixed(4)}` : `$${digits(usd, 3)}`;
  },
  count(number) {
    if (number === null) return DASH;
    for (const [size, name] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
      if (Math.abs(number) >= size) return digits(number / (name === "k" ? 1e3 : size), 3) + name;
    }
    return number.toLocaleString("en-US");
  },
  int(number) { return number === null ? DASH : number.toLocaleString("en-US"); },
  number(number) { return number === null || !Number.isFinite(number) ? DASH : digits(number, 4); },
  share(share) { return share === null || !Number.isFinite(share) ? DASH : `${(share * 100).toFixed(1)} %`; },
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
function badge(word) { return word === null ? DASH : make("span", { class: `badge ${/^[a-z]+$/.test(word) ? word : ""}` }, word); }
function card(title, ...children) { return make("section", { class: "card" }, title && make("h2", {}, title), children); }
