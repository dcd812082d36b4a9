import "./Icon.css";

/**
 * Own icons: 20 × 20, one stroke of the text's colour. They always stand beside
 * words, so screen readers skip them.
 */
const drawings = {
  app: "M6 2.5h8a1.5 1.5 0 0 1 1.5 1.5v12a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 16V4A1.5 1.5 0 0 1 6 2.5ZM9 14.7h2",
  push: "M10 2.8a4.7 4.7 0 0 1 4.7 4.7c0 4 1.6 5.3 1.6 5.3H3.7s1.6-1.3 1.6-5.3A4.7 4.7 0 0 1 10 2.8ZM8.3 15.8a1.8 1.8 0 0 0 3.4 0",
  sms: "M4 3.5h12A1.5 1.5 0 0 1 17.5 5v7.5A1.5 1.5 0 0 1 16 14H9l-4 3.2V14H4a1.5 1.5 0 0 1-1.5-1.5V5A1.5 1.5 0 0 1 4 3.5ZM6.5 8.75h.01M10 8.75h.01M13.5 8.75h.01",
  voice:
    "M6.2 3 8 6.6 6.3 8.3a10.5 10.5 0 0 0 5.4 5.4L13.4 12l3.6 1.8v2.4A1.3 1.3 0 0 1 15.6 17.5 13 13 0 0 1 2.5 4.4 1.3 1.3 0 0 1 3.8 3Z",
  email: "M3.5 4.5h13v11h-13ZM3.8 5l6.2 5.5L16.2 5",
  check: "m4.5 10.5 3.7 3.7 7.3-8",
  cross: "m5.5 5.5 9 9m0-9-9 9",
  pause: "M7.5 5.5v9M12.5 5.5v9",
  dot: "M10 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  online: "M2.5 7.8a11 11 0 0 1 15 0M5.2 10.9a7 7 0 0 1 9.6 0M10 14.7h.01",
  offline:
    "M2.5 7.8a11 11 0 0 1 3.2-2.1M9.3 4.8a11 11 0 0 1 8.2 3M5.2 10.9a7 7 0 0 1 3-1.7M12.5 9.6c.8.3 1.6.7 2.3 1.3M10 14.7h.01M3.5 3l13 14",
  signal: "M4 15v-2.5M8 15V10M12 15V7M16 15V4",
  nosignal: "M4 15v-2.5M8 15v-3.5M12 15v-1M16 15V4M12 7v1.5M3.5 3l13 14",
  lock: "M5.5 9h9a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1ZM7 9V6.5a3 3 0 0 1 6 0V9",
  shield: "M10 2.5 16 5v4.5c0 4-2.6 6.6-6 8-3.4-1.4-6-4-6-8V5Z",
  place:
    "M10 17.5s5.5-4.7 5.5-9a5.5 5.5 0 0 0-11 0c0 4.3 5.5 9 5.5 9ZM10 10.3a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8Z",
  browser: "M3 4h14v12H3ZM3 7.5h14M5.5 5.75h.01M7.8 5.75h.01",
  clock: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10 6v4.3l2.8 1.7",
  plus: "M10 4.5v11M4.5 10h11",
  copy: "M7.5 7.5h9v9h-9ZM12.5 7.5v-4h-9v9h4",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.4 13.4 17 17",
  erase: "M7.5 5H17v10H7.5L3 10ZM10 8l4 4m0-4-4 4",
  warning: "M10 3 18 16.5H2ZM10 8v4M10 14.3h.01",
} as const;

export type IconName = keyof typeof drawings;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="nod-icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={drawings[name]} />
    </svg>
  );
}
