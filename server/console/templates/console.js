"use strict";

const PHASES = ["train.join", "query.share", "query.mask", "query.agree", "query.unmask"];
const AGAIN_MILLISECONDS = 3000;
const DEVICES_SHOWN = 200;
let token = "", shot = null, attempt = 0;

const moment = (seconds) =>
  seconds == null ? "–" : new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ") + " UTC";

function table(id, headings, rows) {
  const head = make("tr");
  head.append(...headings.map((key) => make("th", say(key), { scope: "col" })));
  if (rows.length === 0) rows = [[say("none"), ...headings.slice(1).map(() => "")]];
  const body = rows.map((cells) => {
    const row = make("tr");
    row.append(...cells.map((cell) => {
      if (!(cell instanceof Node)) return make("td", String(cell ?? "–"));
      const place = make("td");
      place.append(cell);
      return place;
    }));
    return row;
  });
  element(id).replaceChildren(head, ...body);
}

function button(key, question, action, facts) {
  const made = make("button", say(key), { type: "button" });
  made.addEventListener("click", () => confirm(question) && act(action, facts));
  return made;
}

function card(key, value) {
  const box = make("div");
  box.append(make("dt", say(key)), make("dd", value));
  return box;
}

function draw() {
  drawWords();
  if (shot === null) return;
  const acting = shot.role === "operator";
  document.title = shot.name;
  element("name").textContent = shot.name;
  element("state").removeAttribute("data-word");
  element("state").textContent =
    `${shot.url} · ${say(shot.up ? "up" : "not_up")} · ${say(acting ? "as_operator" : "as_reader")}`;
  element("alerts").replaceChildren(
    ...shot.alerts.map(({ code, facts }) => make("li", say(`alert_${code}`, facts), { "data-code": code })));
  const ordered = shot.rounds_ordered === null ? "" : `, ${say("ordered")} ${shot.rounds_ordered}`;
  element("cards").replaceChildren(
    card("online", shot.online ?? say("unknown")),
    card("members", shot.states.member),
    card("round", `${shot.rounds} ${say("of")} ${shot.rounds_of_training}${ordered}`),
    card("release", shot.release === null ? say("none") : shot.release.sequence),
    card("disk", `${(shot.disk_free_bytes / 2 ** 30).toFixed(0)} GB`));
  drawNow();
  drawActing(acting);
  drawTables(acting);
  element("shown").hidden = false;
  element("enter").hidden = true;
}

function drawNow() {
  const plan = shot.schedule;
  element("schedule").textContent = plan === null ? say("no_schedule")
    : plan.paused ? say("paused") : say("schedule", { hours: plan.every_hours, waits_for: plan.waits_for });
  const items = [];
  if (shot.waiting !== null) items.push(make("li", say("waiting", shot.waiting)));
  if (shot.phase === null) {
    if (shot.waiting === null) items.push(make("li", say("idle")));
  } else {
    items.push(make("li", say("sum_under_way", { task: say(shot.phase.task), round: shot.phase.round_number })));
    const at = PHASES.indexOf(shot.phase.name);
    PHASES.forEach((name, place) => {
      const over = place < at || (place === at && shot.phase.through !== null);
      const facts = place === at ? { through: shot.phase.through ?? "…", asked: shot.phase.asked } : {};
      const kind = over ? "done" : place === at ? "going" : "";
      const text = place === at ? say(name, facts) : say(name, facts).replace(/ ?[–…]\/–/, "");
      items.push(make("li", text, { class: kind }));
    });
  }
  element("phases").replaceChildren(...items);
}

function drawActing(acting) {
  element("acting").hidden = !acting;
  const plan = shot.schedule, pausing = element("pause");
  pausing.hidden = plan === null;
  if (plan !== null) {
    pausing.textContent = say(plan.paused ? "resume" : "pause");
    pausing.onclick = () => act(plan.paused ? "resume" : "pause", {});
  }
}

function drawTables(acting) {
  table("sums", ["number", "task", "asked", "in_sum", "refused", "failed", "late", "seconds", "state"],
    [...shot.sums].reverse().map((row) => [row.number, say(row.task), row.selected, row.answered, row.refused, row.failed,
      row.late, row.seconds.toFixed(0), make("span", say(row.skipped ? "skipped" : "summed"),
        { class: row.skipped ? "bad" : "good" })]));
  const measured = [...shot.sums].reverse().find((row) => Object.keys(row.figures).length);
  table("figures", ["figure", "mean", "interval"], measured === undefined ? [[say("no_figures"), "", ""]]
    : Object.entries(measured.figures).map(([name, one]) => one === null ? [name, say("hidden"), ""]
      : [name, one.mean.toFixed(4), `${one.low.toFixed(4)} – ${one.high.toFixed(4)}`]));
  const promises = [];
  if (shot.privacy.user_epsilon !== null) promises.push(say("user", shot.privacy));
  if (shot.privacy.event_epsilon !== null) promises.push(say("event", shot.privacy));
  element("promise").textContent = promises.join(" ") || say("no_promise");
  table("answers", ["task", "most", "allowed"], shot.privacy.answers.map((one) => [say(one.task), one.most, one.allowed]));
  const listed = shot.devices.slice(0, DEVICES_SHOWN).map((one) => [
    make("span", one.device.slice(0, 12) + "…", { title: one.device }), say(one.state),
    one.online === null ? say("unknown") : make("span", say(one.online ? "yes" : "no"), { class: one.online ? "good" : "" }),
    moment(one.joined_seconds), moment(one.expiry_seconds),
    acting && one.state !== "revoked"
      ? button("revoke", say("sure_revoke", one), "revoke", { device: one.device }) : ""]);
  const count = Object.values(shot.states).reduce((all, one) => all + one, 0);
  if (count > listed.length) listed.push([say("more", { count: count - listed.length }), "", "", "", "", ""]);
  table("devices", ["device", "state", "connected", "joined", "until", ""], listed);
  table("releases", ["number", "release", "published", "why", ""], shot.releases.map((one, place) => [
    one.sequence, make("span", one.release.slice(0, 12) + "…", { title: one.release }), moment(one.published_seconds),
    one.why, acting && place > 0
      ? button("rollback", say("sure_rollback", { number: one.sequence }), "rollback", { release: one.release }) : ""]));
  table("parts", ["part", "pid", "restarts", "holds_until"], [
    ...shot.parts.map((one) => [one.name, one.pid, one.restarts, ""]),
    ...Object.entries(shot.certificates).map(([name, seconds]) => [say(`certificate_${name}`), "", "", moment(seconds)])]);
}

async function act(name, facts) {
  element("said").textContent = "";
  const answer = await fetch(`/v1/actions/${name}`, {
    method: "POST", body: JSON.stringify(facts),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  const said = await answer.json();
  element("said").textContent = answer.ok ? say("done") : said.error.message;
}

function ask(key) {
  element("state").dataset.word = key;
  element("enter").hidden = false;
  element("shown").hidden = true;
  shot = null;
  draw();
}

function take(event) {
  const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
  if (data === "") return;
  const found = JSON.parse(data);
  if (found.error) { element("state").textContent = found.error.message; return; }
  shot = found;
  draw();
}

/* EventSource cannot send a header, and a token belongs into no address. */
async function follow() {
  const mine = ++attempt;
  while (mine === attempt) {
    try {
      const answer = await fetch("/v1/live", { headers: { authorization: `Bearer ${token}` } });
      if (answer.status === 401) return ask("denied");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let left = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done || mine !== attempt) break;
        const events = (left + value).split("\n\n");
        left = events.pop();
        events.forEach(take);
      }
    } catch { /* the console has ended, or starts again */ }
    if (mine !== attempt) return;
    element("state").textContent = say("lost");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLISECONDS));
  }
}

function enter(given) {
  token = given;
  sessionStorage.setItem("token", token);
  follow();
}

async function start() {
  const said = new URLSearchParams(location.hash.slice(1));
  await chooseLanguage(said.get("language"), draw);
  element("enter").addEventListener("submit", (event) => { event.preventDefault(); enter(element("token").value.trim()); });
  element("order").addEventListener("submit", (event) => {
    event.preventDefault();
    act("rounds", { count: element("count").valueAsNumber });
  });
  draw();
  const given = said.get("token") ?? sessionStorage.getItem("token");
  history.replaceState(null, "", location.pathname);  // a token stays in no address and no history
  if (given) enter(given); else ask("connecting");
}

start();
