"use strict";

let deeds = [], answer = null, asked = 0;

function button(text, act) {
  const made = make("button", text, { type: "button" });
  made.addEventListener("click", act);
  return made;
}

function draw() {
  drawWords();
  element("nothing").hidden = deeds.length > 0;
  element("again").hidden = deeds.length === 0;
  element("deeds").replaceChildren(...deeds.map((deed, place) => {
    const row = make("li", say(deed.kind, { what: deed.title ?? deed.text }) + " ");
    row.append(button(say("undo"), () => { deeds.splice(place, 1); ask(); }));
    return row;
  }));
  if (answer === null) return;
  const bars = answer.interests.flatMap(([name, share]) => {
    const place = make("dd");
    place.append(make("meter", `${Math.round(100 * share)} %`, { min: 0, max: 1, value: share }));
    return [make("dt", name), place];
  });
  element("interests").replaceChildren(...(bars.length ? bars : [make("dt", say("none"), { class: "quiet" })]));
  element("offers").replaceChildren(...answer.offers.map(offer));
}

function offer(one, place) {
  const row = make("li"), moved = one.was === null ? null : one.was - (place + 1);
  row.append(make("strong", one.title));
  if (deeds.length && moved !== 0) {
    const text = moved === null ? say("new") : say(moved > 0 ? "up" : "down", { count: Math.abs(moved) });
    row.append(" ", make("span", text, { class: `moved ${moved === null || moved > 0 ? "good" : "bad"}` }));
  }
  const why = make("ul", "", { class: "why" });
  why.append(...one.reasons.map(([reason, share]) =>
    make("li", say("because", { words: reason, share: Math.round(100 * share) }))));
  row.append(why, button(say("like"), () => add("click", one)), " ", button(say("dislike"), () => add("dismissal", one)));
  return row;
}

function add(kind, { id = null, title = null, text = null }) {
  deeds.push({ kind, item: id, title, text });
  ask();
}

async function ask() {
  const mine = ++asked;
  draw();
  try {
    const body = JSON.stringify({ deeds: deeds.map(({ kind, item, text }) => ({ kind, item, text })) });
    const reply = await fetch("/v1/offers", { method: "POST", body, headers: { "content-type": "application/json" } });
    const said = await reply.json();
    if (mine !== asked) return;
    element("error").textContent = reply.ok ? "" : said.error.message;
    if (reply.ok) answer = said;
  } catch {
    element("error").textContent = say("failed");
  }
  draw();
}

async function find() {
  const query = element("query").value;
  const { items } = await (await fetch(`/v1/items?words=${encodeURIComponent(query)}`)).json();
  if (query !== element("query").value) return;
  element("found").replaceChildren(...items.map((item) => {
    const row = make("li");
    row.append(button(item.title, () => add("click", item)));
    return row;
  }));
}

async function start() {
  const said = new URLSearchParams(location.hash.slice(1));
  await chooseLanguage(said.get("language"), draw);
  element("say").addEventListener("submit", (event) => {
    event.preventDefault();
    add("search", { text: element("words").value });
    element("words").value = "";
  });
  element("search").addEventListener("submit", (event) => event.preventDefault());
  element("query").addEventListener("input", find);
  element("again").addEventListener("click", () => { deeds = []; ask(); });
  for (const text of said.getAll("search")) deeds.push({ kind: "search", item: null, title: null, text });
  document.title = `Hushrec: ${(await (await fetch("/v1/about")).json()).name}`;
  await Promise.all([ask(), find()]);
}

start();
