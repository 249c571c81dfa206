export declare const ROOT: string;
export declare const BIN: string;
export interface Ran {
    code: number | null;
    stdout: string;
    stderr: string;
}
export interface Spawning {
    stdin?: string | Uint8Array;
    env?: Record<string, string>;
    cwd?: string;
    /** What file descriptor 3 holds. */
    fd3?: string;
}
/** Nothing of the environment of the tests gets in: no CI, no SPILLWAY_…, no NODE_ENV. */
export declare const cleanEnv: (env?: Record<string, string>) => Record<string, string>;
export declare function start(command: string, argv: readonly string[], { stdin, env, cwd, fd3 }?: Spawning): Promise<Ran>;
export declare const spillway: (argv: readonly string[], spawning?: Spawning) => Promise<Ran>;
/** A line of bash in which `spillway` is the built program. */
export declare const bash: (line: string, spawning?: Spawning) => Promise<Ran>;
export declare const freshDir: () => string;
/**
 * A line of bash under a terminal of its own, made by `script`; `typed` lines come one after the other. What the
 * terminal shows is in stdout.
 */
export declare function onTerminal(line: string, typed?: readonly string[]): Promise<Ran>;
export declare const hasTerminal: boolean;
