import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const pages = ["login", "phone", "console"];
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The Go server serves /login as login.html; the development server must do the same.
function pageNames(): Plugin {
  return {
    name: "nod-page-names",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const [path = "", query] = (request.url ?? "").split("?");
        if (pages.includes(path.slice(1))) {
          request.url = `${path}.html${query === undefined ? "" : `?${query}`}`;
        }
        next();
      });
    },
  };
}

// `npm run dev` shows the pages of a server that runs already; it must allow this origin (NOD_ALLOWED_ORIGINS).
const upstream = { target: process.env.NOD_DEV_SERVER ?? "http://127.0.0.1:8080" };

export default defineConfig({
  plugins: [react(), pageNames()],
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": upstream,
      "/demo": upstream,
      "/.well-known": upstream,
      "/phone-worker.js": upstream,
      "/ws": { ...upstream, ws: true },
    },
  },
  build: {
    target: "es2022",
    // The pages run under a CSP without inline scripts, styles or data: scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        stage: at("index.html"),
        login: at("login.html"),
        phone: at("phone.html"),
        console: at("console.html"),
      },
    },
  },
});
