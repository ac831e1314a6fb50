// The page: a conversation on one side, the list with its reasons on the other. No libraries, nothing from elsewhere.
const $ = (id) => document.getElementById(id);
const state = { conversation: null, slate: null, liked: new Set(), timer: 0, turn: Promise.resolve(), again: false };

function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

function store(name, value) {
  try { return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value); } catch { return null; }
}

const who = () => $("who").value.trim() || "guest";

async function call(path, body, method) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  document.body.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(path, { method: method ?? (body ? "POST" : "GET"), headers, body: body && JSON.stringify(body) });
    const data = await answer.json();
    if (answer.status === 401) { await askForKey(); return call(path, body, method); }
    if (!answer.ok) throw new Error([data.error.message, data.error.remedy].filter(Boolean).join(" – "));
    $("status").textContent = "";
    return data;
  } catch (why) {
    $("status").textContent = why instanceof TypeError ? "The service does not answer; try again." : why.message;
    throw why;
  } finally {
    document.body.removeAttribute("aria-busy");
  }
}

function askForKey() {
  const dialog = $("key-dialog");
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => { sessionStorage.setItem("key", $("key").value); done(); }, { once: true }));
}

function bubble(text, mine, ...more) {
  const node = make("div", { className: mine ? "bubble you" : "bubble" }, make("span", { className: "sr", textContent: mine ? "You: " : "polytaste: " }), text, ...more);
  $("messages").append(node);
  $("messages").scrollTop = $("messages").scrollHeight;
}

// One request after the other, so that places in the list mean what is on the screen when they are asked about.
function inTurn(work) {
  const done = state.turn.then(work);
  state.turn = done.catch(() => {});
  return done;
}

const say = (message) => inTurn(() => ask(message));

async function ask(message) {
  bubble(message, true);
  const reply = await call("/v1/chat", { message, user: who(), conversation: state.conversation, lam: Number($("lam").value) });
  state.conversation = reply.conversation;
  bubble(reply.text, false, ...(reply.slate ? [" ", make("a", { className: "to-list", href: "#list-title", textContent: "See the list" })] : []));
  showUnderstood(reply.understood);
  if (reply.slate) showSlate(reply.slate);
  else if (["reset", "undo"].includes(reply.intent)) showNoList();
  $("messages").scrollTop = $("messages").scrollHeight;
}

// What is asked for now, as one would say it: the words before it; none before what speaks for itself.
const before = {
  wanted: "", with: "", popularity: "", unwanted: "no ", without: "not ", unwanted_years: "not ", like: "like ", not_like: "not ",
  about: "about ", not_about: "nothing about ", more_of: "more ", less_of: "less ", at_least: "at least ", at_most: "at most ",
};

function inWordsOf(key, what) {
  if (key === "k") return what === 1 ? "one item" : `${what} items`;
  if (key === "years" && /^\d/.test(what)) return what;
  return `${before[key] ?? `${key.replaceAll("_", " ")}: `}${what}`.replaceAll(" + ", " and ");
}

function showUnderstood(understood) {
  const chips = [];
  for (const [key, value] of Object.entries(understood)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const words = inWordsOf(key, one);
      const chip = make("button", { type: "button", textContent: words, ariaLabel: `${words}; take it back` });
      chip.addEventListener("click", () => say(key === "k" ? "forget the number" : `forget ${one}`));
      chips.push(chip);
    }
  }
  $("understood").replaceChildren(...chips);
}

const colour = (number) => (number ? `t${((number - 1) % 8) + 1}` : "t8");
const percent = (share) => `${Math.round(100 * share)}%`;

function showNoList() {
  state.slate = null;
  $("start").hidden = false;
  for (const id of ["held", "tastes", "empty"]) $(id).hidden = true;
  $("ranker").textContent = "";
  $("cards").replaceChildren();
}

function forgetTalk() {
  clearTimeout(state.timer);
  state.conversation = null;
  state.liked.clear();
  for (const button of $("starters").children) button.setAttribute("aria-pressed", "false");
  $("understood").replaceChildren();
  $("messages").replaceChildren();
  showNoList();
}

function showSlate(slate) {
  state.slate = slate;
  $("start").hidden = true;
  $("held").hidden = slate.items.length === 0;
  $("empty").hidden = slate.items.length > 0;
  const llm = slate.ranker_used === "llm";
  const error = slate.kl === null ? "" : ` · calibration error ${slate.kl.toFixed(3)}`;
  $("ranker").textContent = llm
    ? `Ranked with ${slate.model}, its weight ${slate.llm_weight}${error} · ${Math.round(slate.latency_ms)} ms`
    : `Ranked by the calibrated reranker${slate.degraded_reason === "llm_off" ? "" : ` (${slate.degraded_detail || slate.degraded_reason})`}${error} · ${Math.round(slate.latency_ms)} ms`;
  showHeld(slate);
  showTastes(slate);
  $("cards").replaceChildren(...slate.items.map(card));
}

const axesOf = (slate) => slate.axis.split(",").map((part) => part.split("=")[0].trim());
const inWords = (axis) => (axis === "personas" ? "tastes" : axis.replaceAll("_", " "));

function showTastes(slate) {
  $("tastes").hidden = slate.personas.length === 0 || slate.items.length === 0;
  $("taste-names").replaceChildren(...slate.personas.map((p) => {
    const here = slate.items.filter((item) => item.persona === p.number).length;
    const says = `${percent(p.share)}, ${here} of these ${slate.items.length}`;
    return make("li", { title: p.exemplars.join(", ") }, make("span", { className: `dot ${colour(p.number)}` }), `${p.number}. ${p.name} `, make("small", { textContent: says }));
  }));
  const held = axesOf(slate).includes("personas") ? "and the list is held to these shares" : `and the list is held to ${axesOf(slate).map(inWords).join(" and ")}, not to these`;
  $("tastes-hint").textContent = `Shares of what you like${slate.understood.like ? " and name" : ""}. Each taste finds candidates, ${held}.`;
}

function card(item) {
  const node = make("li", { className: `card ${colour(item.persona)}` });
  const title = make("div", { className: "title" }, make("span", { className: "rank", textContent: `${item.rank}` }), item.title);
  const kinds = [...item.categories, ...(item.year && !item.title.includes(item.year) ? [item.year] : [])].join(" · ");
  const reason = make("div", { className: "reason" });
  if (item.persona) reason.append(make("span", { className: "taste", title: item.persona_name }, make("span", { className: `dot ${colour(item.persona)}` }), `taste ${item.persona}`), " ");
  reason.append(item.evidence);
  const acts = make("div", { className: "acts" });
  for (const [kind, words] of [["like", "Like"], ["dislike", "Dislike"], ["seen", "Know it"]]) {
    const button = make("button", { type: "button", textContent: words, ariaLabel: `${words}: ${item.title}` });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => feedback(item, kind, button));
    acts.append(button);
  }
  for (const [words, said] of [["More like it", (rank) => `more like number ${rank}`], ["Why?", (rank) => `why number ${rank}?`]]) {
    const button = make("button", { type: "button", textContent: words, ariaLabel: `${words} ${item.title}` });
    button.addEventListener("click", () => askOf(item, said));
    acts.append(button);
  }
  const facts = Object.entries(item.facts).map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`).join(" · ");
  node.append(title, make("div", { className: "kinds", textContent: kinds }));
  if (facts) node.append(make("div", { className: "facts", textContent: facts }));
  node.append(reason, acts);
  return node;
}

// The list may have been made anew since the click: the item's place is the one it has when its turn comes.
const askOf = (item, said) => inTurn(async () => {
  const here = state.slate?.items.find((one) => one.item_id === item.item_id);
  if (here) await ask(said(here.rank));
  else $("status").textContent = `${item.title} is no longer in the list.`;
});

const feedback = (item, kind, button) => inTurn(async () => {
  await call("/v1/feedback", { user: who(), feedback: [{ item: item.item_id, kind }] });
  button.setAttribute("aria-pressed", "true");
  await remake();
  $("status").textContent = `Noted: ${item.title}. It will not come back.`;
});

function again() {
  if (state.again) return;
  state.again = true;
  inTurn(() => { state.again = false; return remake(); });
}

async function remake() {
  if (!state.conversation || !state.slate) return;
  showSlate(await call(`/v1/chat/${encodeURIComponent(state.conversation)}/again`, { user: who(), lam: Number($("lam").value) }));
}

const MOST_ROWS = 6;

// What the list is held to: all shares of the axis, the small ones together, so that either side sums to the whole.
function showHeld(slate) {
  const what = axesOf(slate).map(inWords).join(" and ");
  $("held-title").textContent = `Proportions of ${what}`;
  $("held-hint").textContent = [
    slate.cold_start ? "Aimed at is what most people like, for nothing is known of you." : "Aimed at is what you like, and what you ask for now.",
    "An item of several counts in parts.",
    "The balance says how firmly the list is held to it.",
  ].join(" ");
  const groups = Object.keys({ ...slate.target, ...slate.achieved });
  const all = groups.map((g) => ({ name: g, aim: slate.target[g] ?? 0, got: slate.achieved[g] ?? 0 })).sort((a, b) => b.aim - a.aim || b.got - a.got);
  const rows = all.length > MOST_ROWS + 1 ? all.slice(0, MOST_ROWS) : all;
  const others = all.slice(rows.length);
  const sum = (kind) => others.reduce((total, r) => total + r[kind], 0);
  if (others.length) rows.push({ name: `${others.length} others`, title: others.map((r) => `${r.name} ${percent(r.aim)} / ${percent(r.got)}`).join(", "), aim: sum("aim"), got: sum("got") });
  const most = Math.max(...rows.flatMap((r) => [r.aim, r.got]), 0.01);
  $("share-rows").replaceChildren(...rows.map((r) => {
    const bars = make("span", { className: "bars" });
    bars.setAttribute("aria-hidden", "true");
    for (const kind of ["aim", "got"]) {
      const bar = make("span", { className: kind });
      bar.style.width = `${(100 * r[kind]) / most}%`;
      bars.append(bar);
    }
    return make("li", { className: "share" }, make("span", { className: "name", textContent: r.name, title: r.title ?? r.name }), bars,
      make("span", { className: "says" }, make("span", { className: "sr", textContent: "aimed at " }), percent(r.aim), " / ", make("span", { className: "sr", textContent: "in this list " }), percent(r.got)));
  }));
}

async function begin() {
  $("who").value = store("who") || `guest-${Math.random().toString(36).slice(2, 8)}`;
  store("who", $("who").value);
  const saved = store("theme");
  if (saved) document.documentElement.dataset.theme = saved;
  bubble("Say what you are in the mood for, or pick a few things you like and press “Show my list”.");
  const found = await call("/v1/starters?limit=16");
  for (const words of ["surprise me", ...found.critiques, "more popular", "show me others", "what do you think I like?", "undo", "start over"]) {
    const chip = make("button", { type: "button", textContent: words });
    chip.addEventListener("click", () => say(words));
    $("quick").append(chip);
  }
  const known = found.items.map((item) => item.title.replace(/ \(\d{4}\)$/, "")).find((title) => title.length <= 18 && !/, (The|A|An)$/.test(title));
  if (known) $("message").placeholder = `Like ${known}…`;
  for (const item of found.items) {
    const button = make("button", { type: "button", textContent: item.title });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const on = !state.liked.has(item.item_id);
      state.liked[on ? "add" : "delete"](item.item_id);
      button.setAttribute("aria-pressed", String(on));
    });
    $("starters").append(button);
  }
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const message = $("message").value.trim();
  if (!message) return;
  $("message").value = "";
  say(message).catch(() => { $("message").value = message; });
});
$("who-form").addEventListener("submit", (event) => event.preventDefault());
$("who").addEventListener("change", () => {
  store("who", who());
  inTurn(() => {
    forgetTalk();
    bubble(`Hello, ${who()}.`);
    return ask("my tastes");
  });
});
$("go").addEventListener("click", () => inTurn(async () => {
  if (state.liked.size) await call("/v1/feedback", { user: who(), feedback: [...state.liked].map((item) => ({ item, kind: "like" })) });
  await ask("recommend me something");
  $("list-title").scrollIntoView(); // on a phone it stands under the conversation
}));
$("lam").addEventListener("input", () => {
  $("lam-value").textContent = Number($("lam").value).toFixed(2);
  clearTimeout(state.timer);
  state.timer = setTimeout(again, 150);
});
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  store("theme", root.dataset.theme);
});
$("forget-me").addEventListener("click", () => {
  $("forget-who").textContent = who();
  $("forget-dialog").returnValue = "";
  $("forget-dialog").showModal();
});
$("forget-dialog").addEventListener("close", () => {
  if ($("forget-dialog").returnValue !== "delete") return;
  const user = who();
  inTurn(async () => {
    const gone = await call(`/v1/users/${encodeURIComponent(user)}`, undefined, "DELETE");
    forgetTalk();
    bubble(`All that was kept of ${user} is deleted.`);
    $("status").textContent = `Deleted: ${gone.rows} entries.`;
  });
});
begin();
