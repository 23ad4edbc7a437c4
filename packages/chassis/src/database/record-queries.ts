import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";

/** One store function to record: how to run it and, where it asks more than once, what its queries answer. */
export interface RecordedCall<Tables> {
  run: (db: Kysely<Tables>) => Promise<unknown>;
  /** Rows of the first query, the second … ; none by default. */
  answers?: readonly (readonly object[])[];
}

/**
 * The SQL of store functions as text, without a database: for snapshots in which a reviewer sees what an innocent
 * change of a query builder does to the statement.
 */
export async function recordQueries<Tables>(
  schema: string,
  calls: Readonly<Record<string, RecordedCall<Tables> | RecordedCall<Tables>["run"]>>,
): Promise<string> {
  const sections: string[] = [];
  for (const [name, entry] of Object.entries(calls)) {
    const { run, answers = [] } = typeof entry === "function" ? { run: entry } : entry;
    const statements: string[] = [];
    const driver = new RecordingDriver(statements, [...answers]);
    const db = new Kysely<Tables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driver,
        createIntrospector: (each) => new PostgresIntrospector(each),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    });
    await run(db.withSchema(schema));
    sections.push(`-- ${name}\n${statements.map((statement) => `${layOut(statement)};\n`).join("")}`);
  }
  return sections.join("\n");
}

class RecordingDriver extends DummyDriver implements Driver {
  readonly #statements: string[];
  readonly #answers: (readonly object[])[];

  constructor(statements: string[], answers: (readonly object[])[]) {
    super();
    this.#statements = statements;
    this.#answers = answers;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return {
      executeQuery: async <R>({ sql }: CompiledQuery) => {
        this.#statements.push(sql);
        // The caller says what its own queries answer.
        return { rows: (this.#answers.shift() ?? []) as R[] };
      },
      // biome-ignore lint/correctness/useYield: nothing of ours streams rows.
      async *streamQuery() {
        throw new Error("streaming is not recorded");
      },
    };
  }
}

/** One clause a line; statements that are laid out already stay as they are. */
function layOut(statement: string): string {
  if (statement.includes("\n")) return statement.trim().replace(/^ {4}/gm, "");
  const clauses =
    /(?<!\(|delete) (?=(?:from|where|order by|limit|on conflict|returning|values|set|(?:inner|left) join) )/g;
  return statement.replace(clauses, "\n  ");
}
