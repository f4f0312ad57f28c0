// Better-auth's handler and one protected route on Hono.

import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { auth } from "./auth.js";

const app = new Hono();
app.on(["GET", "POST"], "/api/auth/*", (context) => auth.handler(context.req.raw));
app.get("/protected", async (context) => {
  const session = await auth.api.getSession({ headers: context.req.raw.headers });
  if (!session) return context.json({ detail: "Not authenticated" }, 401);
  return context.json({ message: `Hello, ${session.user.email}` });
});

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT) });
// Longer than the proxy in front keeps an idle connection, so that it is the proxy that closes.
server.keepAliveTimeout = 75_000;
