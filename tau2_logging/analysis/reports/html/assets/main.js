// Routes, the heading, and light or dark.
const TIMED = SIMS.n > 0;  // a page of results files alone has no simulations to draw
const TABS = [...(DATA.experiment ? [["", "Result"], ["conversations", "Conversations"], ["overview", "Overview of the run"]] : [["", "Overview"]]), ...(TIMED ? [["tasks", "Simulations"], ["latency", "Latency"]] : []), ...Object.entries(DATA.names), ["about", "About"]];

function pageFor(route) {
  const [name, ...rest] = route.split("/").map(unescaped);
  if (name === "" && DATA.experiment) return experimentPage(DATA.experiment);
  if (name === "" || name === "overview") return overviewPage();
  if (name === "tasks") return tasksPage();
  if (name === "task") return taskPage(rest);
  if (name === "beside") return besidePage(rest);
  if (name === "latency") return latencyPage();
  if (name === "experiment" && DATA.experiment) return experimentPage(DATA.experiment);
  if (name === "conversations" && DATA.experiment) return conversationsPage(DATA.experiment, rest);
  if (name === "about") return aboutPage();
  if (Object.hasOwn(DATA.names, name)) return groupPage(name);
  return [make("h1", {}, "No such page"), make("a", { href: "#/" }, "Overview")];
}

function unescaped(part) {
  try { return decodeURIComponent(part); } catch (error) { return part; }
}

function startReport() {
  const main = make("main"), nav = make("nav", { "aria-label": "pages" });
  let shown = null;
  const render = () => {
    const route = location.hash.replace(/^#\/?/, ""), name = route.split("/")[0];
    nav.replaceChildren(...TABS.map(([target, words]) => make("a", { href: `#/${target}`, class: target === name || (["task", "beside"].includes(name) && target === "tasks") ? "here" : "" }, words)));
    hideTip();
    main.replaceChildren(...pageFor(route).flat(Infinity).filter(Boolean));
    if (shown !== route) showPlace(main, route);
    shown = route;
  };
  const toggle = startTheme(render);
  const button = make("button", { type: "button", id: "theme", "aria-label": "light or dark", onclick: toggle }, "\u25D1");
  document.getElementById("app").append(
    make("header", { class: "top" }, make("div", { class: "inner" }, make("span", { class: "name" }, DATA.title), nav, button)), main, tip);
  addEventListener("hashchange", render);
  render();
}

// The top of the page, or the table that the route names after the page.
function showPlace(main, route) {
  const title = route.split("/").map(unescaped)[1];
  const heading = [...main.querySelectorAll("h2")].find((one) => title !== undefined && one.textContent === title);
  if (heading) heading.scrollIntoView();
  else scrollTo(0, 0);
}

startReport();
