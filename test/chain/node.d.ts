/** The text of `result`, so that a decimal is sent as it is written; or the whole answer; or `never` for none. */
export type Answer = string | {
    status: number;
    body: string;
} | {
    error: {
        code: number;
        message: string;
    };
} | 'never';
export type Answers = Record<string, Answer | ((params: unknown[]) => Answer)>;
export declare const LOGIN = "user:p%40ss/word\"1";
export declare const PASSWORD = "p@ss/word\"1";
export declare function fakeNode(answers: Answers, password?: string): Promise<{
    url: string;
    port: number;
    asked: {
        method: string;
        params: unknown[];
    }[];
}>;
