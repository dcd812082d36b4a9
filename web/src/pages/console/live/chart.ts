import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { timeOfDay } from "../../../component/time";
import { rate } from "../numbers";
import { kinds, type Series, WINDOW_MS } from "./series";

// The one file that knows uPlot. It is loaded where the chart is drawn, and nowhere else.

const MINUTE = 60;

/** A chart that was drawn. */
export interface Chart {
  /** Draws other lines. */
  set(series: Series): void;
  /** Takes it away, and all that listens. */
  remove(): void;
}

/** Draws a chart that fills its box; `onPoint` hears which moment the pointer is at, null when at none. */
export function drawChart(
  box: HTMLElement,
  series: Series,
  onPoint: (at: number | null) => void,
): Chart {
  const size = () => ({ width: box.clientWidth, height: box.clientHeight });
  let plot = new uPlot(options(box, size(), onPoint), dataOf(series), box);
  const fit = new ResizeObserver(() => plot.setSize(size()));
  fit.observe(box);
  // The canvas knows nothing of the page's colours: it is drawn again in others.
  const repaint = () => {
    const { data } = plot;
    plot.destroy();
    plot = new uPlot(options(box, size(), onPoint), data, box);
  };
  const themes = new MutationObserver(repaint);
  themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", repaint);
  return {
    set: (next) => plot.setData(dataOf(next)),
    remove: () => {
      fit.disconnect();
      themes.disconnect();
      dark.removeEventListener("change", repaint);
      plot.destroy();
    },
  };
}

function dataOf(series: Series): uPlot.AlignedData {
  return [series.at, ...kinds.map((kind) => series[kind])];
}

function options(
  box: HTMLElement,
  size: { width: number; height: number },
  onPoint: (at: number | null) => void,
): uPlot.Options {
  const colour = colours(box);
  const [accent, ink, danger, line, muted] = [
    colour("--accent"),
    colour("--ink"),
    colour("--danger"),
    colour("--line"),
    colour("--muted"),
  ];
  const font = `11px ${getComputedStyle(box).fontFamily}`;
  const axis = { stroke: muted, font, ticks: { show: false } };
  const grid = { stroke: line, width: 1 };
  return {
    ...size,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      // A window that grows to its length, then moves: the newest moment is always at the same place.
      x: { range: (_, min, max) => [max - clamp(max - min, MINUTE, WINDOW_MS / 1000), max] },
      y: { range: (_, __, max) => [0, roundTop(max)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        incrs: [MINUTE / 4, MINUTE, 2 * MINUTE],
        space: 64,
        size: 22,
        values: (_, at, __, ___, step) =>
          at.map((second) => timeOfDay(second * 1000, step < MINUTE)),
      },
      {
        ...axis,
        grid,
        size: 40,
        splits: (_, __, ___, max) => [0, max / 2, max],
        values: (_, found) => found.map(rate),
      },
    ],
    series: [
      {},
      { stroke: ink, width: 1.25 },
      { stroke: accent, width: 2, fill: colour("--wash") },
      { stroke: danger, width: 1.75, dash: [5, 3] },
    ],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

function clamp(n: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, n));
}

// The next of 1, 2, 4, 10, 20, 40 …: half of it is a short number too, and it seldom changes.
function roundTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return power * ([1, 2, 4, 10].find((step) => step * power >= most) ?? 10);
}

/** What a custom property of the page stands for, as a canvas takes it. */
function colours(box: HTMLElement): (name: string) => string {
  return (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    box.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}
