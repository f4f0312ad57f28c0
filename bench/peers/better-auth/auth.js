// better-auth with e-mail and password, as its installation guide has it.

import { betterAuth } from "better-auth";
import Database from "better-sqlite3";

const database = new Database(process.env.DATABASE);
database.pragma("journal_mode = WAL");

// The limiter stays on; its limits are out of reach, since here everybody comes from one address.
const unlimited = { window: 10, max: 1_000_000 };

export const auth = betterAuth({
  database,
  secret: process.env.SECRET,
  baseURL: "https://localhost",
  emailAndPassword: { enabled: true },
  session: { cookieCache: { enabled: process.env.COOKIE_CACHE === "on", maxAge: 5 * 60 } },
  rateLimit: { customRules: { "/sign-in/email": unlimited, "/sign-up/email": unlimited } },
});
