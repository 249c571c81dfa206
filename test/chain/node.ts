/** A node for tests, which ends with the test that started it. */
import { afterEach } from 'vitest';
import { startFakeNode, type Answers } from '../support/fake-node.ts';

export { LOGIN, PASSWORD, type Answer, type Answers } from '../support/fake-node.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

export async function fakeNode(answers: Answers, password?: string) {
  const { close, ...node } = await startFakeNode(answers, password);
  closing.push(close);
  return node;
}
