/* One function for each view: takes what the API told and fills `main`; false: what it shows will not change. */

import { age, airflowLink, card, chip, duration, link, node, number, table, text, tile, title, when } from "./parts.js";

const home = () => link([], "All feeds");
const sum = items => items.reduce((total, item) => total + item.rows, 0);
const of = (items, state) => items.filter(item => item.state === state).reduce((total, item) => total + item.rows, 0);

const RUN_COLUMNS = [["Run"], ["Kind"], ["Began", "time"], ["Took", "number"], ["Due", "number"], ["To send", "number"], ["Look-ups", "number"]];
const runRow = dag => plan => [
  link(["run", dag, plan.run_id], text(plan.run_id)), plan.kind, when(plan.created_at),
  plan.finished_at ? duration((new Date(plan.finished_at) - new Date(plan.created_at)) / 1000) : chip("under way"),
  plan.due === null ? "" : number(plan.due), plan.to_send === null ? "" : number(plan.to_send), number(plan.lookups),
];

export function overview({ feeds, rates }, main) {
  const rows = feeds.map(({ feed, open, runs, dag_id }) => [
    link(["feed", feed], text(feed)), number(of(open, "planned") + of(open, "sending")), number(of(open, "accepted")),
    number(of(open, "unknown")), number(of(open, "held")),
    age(open.map(item => item.since).sort()[0]), runs.length ? link(["run", dag_id, runs[0].run_id], when(runs[0].created_at)) : "never",
  ]);
  const columns = [["Feed"], ["To be sent", "number"], ["To be verified", "number"], ["Unknown", "number"], ["Held", "number"], ["Oldest", "number"], ["Last run", "time"]];
  main.append(title([], "Follow-ups into LeadSquared"), card("Feeds", "what waits for something", table(columns, rows, "No feed has run yet, or you may see none of their DAGs.")));
  for (const rate of rates) main.append(rateCard(rate));
}

function rateCard({ connection, buckets, error }) {
  const columns = [["Calls"], ["Limit"], ["Spacing", "number"], ["Today", "number"], ["Refusals", "number"], ["Last refused", "time"], ["Now", "wide"]];
  const rows = buckets.map(bucket => [
    bucket.bucket, `${number(bucket.calls)} in ${bucket.period_seconds} s${bucket.learned ? ", learned from a refusal" : ""}`,
    `${(bucket.spacing_seconds * 1000).toFixed(0)} ms${bucket.extra_seconds > .005 ? ` (+${bucket.extra_seconds.toFixed(2)} s a window)` : ""}`,
    bucket.daily_calls ? `${number(bucket.calls_today)} of ${number(bucket.daily_calls)}` : number(bucket.calls_today), number(bucket.refusals), when(bucket.last_refused_at),
    bucket.day_used_up ? node("span", { class: "chip rejected" }, "used up for the day") : bucket.paused_until ? node("span", { class: "chip held" }, "paused") : node("span", { class: "chip created" }, "free"),
  ]);
  return card("Rate", connection, error ? node("p", { class: "empty" }, error) : table(columns, rows, "No call was made yet."));
}

export function feed({ feed, dag_id, open, trouble, runs }, main) {
  const tiles = ["planned", "sending", "accepted", "unknown", "held"].map(state => tile(state, of(open, state)));
  const rows = trouble.map(item => [
    chip(item.state), link(["rows", feed, item.state, ...(item.reason ? [item.reason] : [])], text(item.reason || "no reason was given")), number(item.rows), age(item.since), when(item.last),
  ]);
  main.append(
    title([home()], feed), node("section", { class: "tiles", "aria-label": "Rows that wait" }, tiles),
    card("Not delivered", sum(trouble) ? `${number(sum(trouble))} rows; choose a reason to see them` : "", table([["State"], ["Why", "wide"], ["Rows", "number"], ["Oldest", "number"], ["Last", "time"]], rows, "Nothing is held, unknown, rejected or invalid.")),
    card("Runs", "", table(RUN_COLUMNS, runs.map(runRow(dag_id)), "No run yet.")),
  );
}

const ROW_COLUMNS = [["Follow-up", "mono"], ["State"], ["Why", "wide"], ["Due", "time"], ["Changed", "time"], ["CRM task", "mono"]];
const rowCells = row => [link(["row", row.delivery_key], text(row.followup_id)), chip(row.state), text(row.reason || ""), when(row.due_at), when(row.updated_at), text(row.crm_task_id || "")];

export function rows(data, main, name, state, reason) {
  const note = data.length === 100 ? "the last 100" : `${number(data.length)} rows`;
  main.append(title([home(), " / ", link(["feed", name], name)], reason || state, chip(state)), card("Rows", note, table(ROW_COLUMNS, data.map(rowCells), "None any more.")));
}

export function found(data, main, query) {
  if (data.length === 1) { location.replace(`#/row/${data[0].delivery_key}`); return false; }
  main.append(title([home()], query), card("Found", "", table(ROW_COLUMNS, data.map(rowCells), "No follow-up has this id or marker, or you may not see it. Ids are searched as they stand in the warehouse.")));
  return false;
}

export function run(data, main) {
  const { report, feed, dag_id, run_id } = data, ended = Boolean(data.ended_at);
  const took = ((ended ? new Date(data.ended_at) : new Date(data.now)) - new Date(data.began_at)) / 1000;
  const states = Object.entries(report.states).sort((one, other) => other[1] - one[1]);
  const before = Object.entries(report.before).filter(([, count]) => count);
  const calls = Object.entries(report.calls);
  const words = calls.map(([outcome, count]) => `${number(count)} ${outcome}`).join(", ");
  /* A task that plans its rows itself has a run of its own, named after Airflow's and itself. */
  const airflow = airflowLink(`../../dags/${encodeURIComponent(dag_id)}/runs/${encodeURIComponent(run_id.split("/")[0])}`, "Open in Airflow");
  main.append(
    title([home(), " / ", link(["feed", feed], feed)], run_id, chip(ended ? "ended" : "under way"), node("small", {}, `${data.kind}, ${data.mode}`), node("small", {}, airflow)),
    progress(data, took, words),
    node("section", { class: "tiles", "aria-label": "Rows by state" }, tile("due", report.due), report.late ? tile("of them before the interval", report.late) : null, report.leftovers ? tile("left over before", report.leftovers) : null, states.map(([state, count]) => tile(state, count)), before.map(([what, count]) => tile(what, count))),
    card("Why rows were not delivered", report.more_reasons ? `and ${number(report.more_reasons)} more reasons` : "", table([["State"], ["Why", "wide"], ["Rows", "number"]], report.reasons.filter(([, , count]) => count).map(([state, reason, count]) =>
      [chip(state), link(["rows", feed, state, ...(reason ? [reason] : [])], text(reason || "no reason was given")), number(count)]), ended ? "Every row was delivered." : "None so far.")),
  );
  return !ended;
}

function progress(data, took, words) {
  const share = data.calls_all ? data.calls_done / data.calls_all : data.ended_at || data.planned ? 1 : 0;
  const left = data.ended_at ? `took ${duration(took)}` : !data.planned ? "planning" : data.calls_done < data.calls_all
    ? data.seconds_left ? `about ${duration(data.seconds_left)} left` : "waiting for the rate limit" : "all sent; verifying";
  const bar = node("div", { class: "bar", role: "progressbar", "aria-label": "Calls made", "aria-valuemin": 0, "aria-valuemax": data.calls_all, "aria-valuenow": data.calls_done }, node("i"));
  bar.firstChild.style.width = `${(share * 100).toFixed(1)}%`;
  return node("section", { class: "card progress" },
    node("p", {}, node("b", {}, `${number(data.calls_done)} of ${number(data.calls_all)} batches sent`), node("span", {}, left)), bar,
    node("p", {}, node("span", {}, words ? `Calls: ${words}` : "No call was made"), node("span", {}, `${number(data.lookups)} look-ups`),
      node("span", {}, data.ended_at ? "" : `${data.rate.toFixed(1)} calls a second`)));
}

export function delivery({ delivery, marker, timeline, calls, dag_id, run_id }, main) {
  const facts = [
    ["Follow-up", text(delivery.followup_id), "mono"], ["In the CRM", text(`[ref:${marker}]`), "mono"], ["CRM task", text(delivery.crm_task_id || "none known"), "mono"],
    ["Task type", text(delivery.task_type || "")], ["Due", when(delivery.due_at)], ["Why", text(delivery.reason || "")],
    ["Sent anew", delivery.generation ? `${delivery.generation} times` : ""], ["Batch", text(delivery.batch_id || "none"), "mono"],
    ["Run", run_id ? link(["run", dag_id, run_id], text(run_id)) : ""], ["Key", text(delivery.delivery_key), "mono"],
  ].filter(([, value]) => value && value.textContent !== "");
  const list = node("dl", {}, facts.map(([name, value, kind]) => [node("dt", {}, name), node("dd", { class: kind || "" }, value)]));
  const story = timeline.map(event => node("li", {}, chip(event.to_state), when(event.at), event.reason ? node("p", {}, text(event.reason)) : null, node("small", {}, text(event.actor))));
  const columns = [["Batch", "mono"], ["Sent", "time"], ["Rows", "number"], ["Outcome"], ["HTTP", "number"], ["Request History id", "mono"], ["Told", "wide"]];
  const cells = calls.map(call => [text(call.batch_id), when(call.started_at), number(call.rows), chip(call.outcome || "under way"), call.http_status ?? "", text(call.request_id || ""), text(call.detail || "")]);
  main.append(
    title([home(), " / ", link(["feed", delivery.feed], delivery.feed)], delivery.followup_id, chip(delivery.state)),
    node("div", { class: "columns" }, card("Follow-up", "", list), card("What happened", "", node("ol", { class: "timeline" }, story))),
    card("Calls with this row", "the id finds a call in LeadSquared's Request History", table(columns, cells, "It was never sent.")),
  );
}
