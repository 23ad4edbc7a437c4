export * from "./embedded-database.ts";
