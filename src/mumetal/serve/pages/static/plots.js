// Strips: one small plot per channel over one shared clock, with the marked span behind it.

const HEIGHT = 92;
const LIVE_MS = 600_000;
const MOST_POINTS = 6_000;

const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const PREFIXES = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];

function scaleOf(values, unit) {
  if (unit === "1") return { by: 1, unit: "" };
  let top = 0;
  for (const v of values) if (v !== null && Math.abs(v) > top) top = Math.abs(v);
  const [by, prefix] = PREFIXES.find(([size]) => top >= size) ?? (top ? PREFIXES.at(-1) : [1, ""]);
  return { by, unit: prefix + unit };
}

// a custom property may hold light-dark(); only a computed colour says which it is now
function colour(name) {
  const probe = document.createElement("i");
  probe.className = `probe probe-${name}`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

class Strips {
  constructor(host) {
    this.host = host;
    this.data = host.dataset;
    this.strips = [];
    this.key = `mumetal-${Math.random()}`;
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(host);
    document.addEventListener("mumetal:theme", () => this.repaint());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
  }

  get base() {
    return `/api/v1/devices/${encodeURIComponent(this.data.device)}`;
  }

  async load() {
    const query = new URLSearchParams({ points: "1500" });
    if (this.data.from) {
      query.set("start_ns", this.data.from);
      query.set("stop_ns", this.data.to);
    }
    for (const name of this.first().slice(0, 64)) query.append("channel", name);
    const url = `${this.base}/streams/${encodeURIComponent(this.data.stream)}/series?${query}`;
    try {
      let answer = await fetch(url);
      let epochs = answer.ok ? await answer.json() : [];
      if (epochs.length === 0 && this.first().length) {
        query.delete("channel");
        answer = await fetch(`${this.base}/streams/${encodeURIComponent(this.data.stream)}/series?${query}`);
        epochs = answer.ok ? await answer.json() : [];
      }
      this.draw(epochs);
    } catch {
      this.say("The samples could not be read. Reload to try again.");
    }
    if ("live" in this.data) this.follow();
  }

  first() {
    return (this.data.first ?? "").split("\n").filter(Boolean);
  }

  say(text) {
    const word = document.createElement("p");
    word.className = "wait";
    word.textContent = text;
    this.host.replaceChildren(word);
  }

  draw(epochs) {
    for (const strip of this.strips) strip.plot.destroy();
    this.strips = [];
    const channels = new Map();
    for (const epoch of epochs) {
      const t = epoch.t_ns.map((ns) => ns / 1e9);
      epoch.channels.forEach((channel, index) => {
        const id = `${channel.name}\t${channel.unit}`;
        const held = channels.get(id) ?? { channel, t: [], v: [] };
        held.t = held.t.concat(t);
        held.v = held.v.concat(epoch.values[index]);
        channels.set(id, held);
      });
    }
    const order = this.first();
    const rank = (held) => { const at = order.indexOf(held.channel.name); return at < 0 ? order.length : at; };
    this.held = [...channels.values()].sort((a, b) => rank(a) - rank(b));
    if (this.held.length === 0 || this.held.every((held) => held.t.length === 0)) {
      this.say("No samples in this range yet.");
      return;
    }
    this.host.replaceChildren();
    const most = Number(this.data.most ?? 8);
    this.show(0, most);
    if (this.held.length > most) {
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = `Show ${Math.min(24, this.held.length - most)} more of ${this.held.length} channels`;
      more.addEventListener("click", () => { more.remove(); this.show(most, most + 24); });
      this.host.append(more);
    }
  }

  show(start, stop) {
    const part = this.held.slice(start, stop);
    part.forEach((held, index) => this.add(held, index === part.length - 1));
  }

  add(held, last) {
    const scale = scaleOf(held.v, held.channel.unit);
    const box = document.createElement("figure");
    box.className = "strip";
    const head = document.createElement("figcaption");
    const name = document.createElement("span");
    name.className = "mono";
    name.textContent = held.channel.name;
    name.title = held.channel.provenance ?? "";
    const value = document.createElement("output");
    head.append(name, value);
    box.append(head);
    this.host.append(box);
    const strip = { held, scale, value, box, last };
    strip.plot = this.plot(strip);
    this.strips.push(strip);
    this.tell(strip, null);
  }

  plot(strip) {
    const { held, scale, box, last } = strip;
    const ink = colour("ink");
    const rail = { stroke: colour("rail"), width: 1 };
    const line = colour(this.data.markFrom ? "mark-line" : "line");
    const axis = { stroke: ink, grid: rail, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const options = {
      width: Math.max(120, box.clientWidth),
      height: HEIGHT + (last ? 26 : 0),
      legend: { show: false },
      padding: [6, 14, last ? 0 : 6, 0],
      cursor: { sync: { key: this.key }, y: false, points: { size: 6 }, drag: { x: true, y: false } },
      scales: { x: { time: true, range: (_u, low, high) => this.range(low, high) } },
      axes: [
        { ...axis, show: last, size: 26, space: 76, values: (_u, ticks, _i, _s, step) => ticks.map((at) => (step < 60 ? seconds : minutes).format(at * 1e3)) },
        { ...axis, size: 58, space: 22, values: (_u, ticks) => ticks.map((v) => Number(v.toPrecision(6)).toString()) },
      ],
      series: [{}, { stroke: line, width: 1.4, points: { show: held.t.length < 60, size: 4 }, spanGaps: false }],
      hooks: {
        drawClear: [(u) => this.mark(u)],
        setCursor: [(u) => this.tell(strip, u.cursor.idx)],
      },
    };
    return new window.uPlot(options, [held.t, held.v.map((v) => (v === null ? null : v / scale.by))], box);
  }

  range(low, high) {
    if (!("live" in this.data)) return [low, high];
    const newest = this.newest ?? high;
    return low > newest - LIVE_MS / 1e3 && high - low < LIVE_MS / 2e3 ? [low, high] : [Math.max(low, newest - LIVE_MS / 1e3), high];
  }

  mark(u) {
    if (!this.data.markFrom) return;
    const left = Math.max(u.bbox.left, u.valToPos(Number(this.data.markFrom) / 1e9, "x", true));
    const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(Number(this.data.markTo) / 1e9, "x", true));
    if (right < left) return;
    const pen = u.ctx;
    pen.save();
    pen.fillStyle = colour("mark");
    pen.fillRect(left, u.bbox.top, Math.max(2 * devicePixelRatio, right - left), u.bbox.height);
    pen.restore();
  }

  tell(strip, index) {
    const at = index ?? strip.held.v.length - 1;
    const value = strip.held.v[at];
    strip.value.textContent = value === null || value === undefined
      ? "not observed"
      : `${Number((value / strip.scale.by).toPrecision(5))} ${strip.scale.unit}`.trim();
  }

  fit() {
    for (const { plot, box } of this.strips) {
      const width = Math.max(120, box.clientWidth);
      if (Math.abs(width - plot.width) > 1) plot.setSize({ width, height: plot.height });
    }
  }

  repaint() {
    for (const strip of this.strips) {
      strip.plot.destroy();
      strip.plot = this.plot(strip);
    }
  }

  follow() {
    const source = new EventSource(`${this.base}/live?stream=${encodeURIComponent(this.data.stream)}`);
    const pulse = document.getElementById("pulse");
    source.addEventListener("samples", (event) => { this.append(JSON.parse(event.data)); });
    source.addEventListener("open", () => { if (pulse) { pulse.textContent = "last ten minutes, live"; pulse.classList.add("on"); } });
    source.addEventListener("error", () => { if (pulse) { pulse.textContent = "connection lost, trying again"; pulse.classList.remove("on"); } });
    addEventListener("pagehide", () => source.close());
  }

  append(epoch) {
    if (this.strips.length === 0) { this.draw([epoch]); return; }
    const t = epoch.t_ns.map((ns) => ns / 1e9);
    const known = new Map(this.held.map((held) => [`${held.channel.name}\t${held.channel.unit}`, held]));
    epoch.channels.forEach((channel, column) => {
      const held = known.get(`${channel.name}\t${channel.unit}`);
      if (!held) return;
      const newest = held.t.at(-1) ?? 0;
      t.forEach((at, row) => {
        if (at > newest) { held.t.push(at); held.v.push(epoch.values[column][row]); }
      });
      const old = held.t.findIndex((at) => at > held.t.at(-1) - LIVE_MS / 1e3);
      const drop = Math.max(old, held.t.length - MOST_POINTS);
      if (drop > 0) { held.t.splice(0, drop); held.v.splice(0, drop); }
    });
    this.newest = Math.max(this.newest ?? 0, t.at(-1) ?? 0);
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      for (const strip of this.strips) {
        strip.plot.setData([strip.held.t, strip.held.v.map((v) => (v === null ? null : v / strip.scale.by))]);
        if (strip.plot.cursor.idx == null) this.tell(strip, null);
      }
    });
  }
}

for (const host of document.querySelectorAll("[data-plot]")) new Strips(host).load();
