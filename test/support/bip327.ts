/** The vectors of BIP327 in one form: every case holds what it needs. `fixtures/bip327` has the same form. */

export interface Tweaked {
  tweak: string;
  xOnly: boolean;
}
/** Whose contribution is refused, or in words what else is wrong. */
export type Wrong = { signer: number | null; part: string } | { value: string };
type Of<T> = T & { name: string };
type OrWrong<T> = (T & { error?: undefined }) | { error: Wrong };

export interface Cases {
  keySort: Of<{ pubkeys: string[]; sorted: string[] }>[];
  keyAgg: Of<{ pubkeys: string[]; tweaks: Tweaked[] } & OrWrong<{ expected: string }>>[];
  nonceGen: Of<{
    random: string;
    secret: string | null;
    pubkey: string;
    aggregate: string | null;
    message: string | null;
    extra: string | null;
    secnonce: string;
    pubnonce: string;
  }>[];
  nonceAgg: Of<{ pubnonces: string[] } & OrWrong<{ expected: string }>>[];
  sign: Of<
    {
      secret: string;
      secnonce: string;
      pubkeys: string[];
      tweaks: Tweaked[];
      aggnonce: string;
      message: string;
    } & OrWrong<{
      pubnonces: string[];
      index: number;
      expected: string;
    }>
  >[];
  /** Partial signatures that do not verify. */
  verify: Of<{
    partial: string;
    pubkeys: string[];
    pubnonces: string[];
    message: string;
    index: number;
    error?: Wrong;
  }>[];
  sigAgg: Of<
    { pubkeys: string[]; tweaks: Tweaked[]; aggnonce: string; message: string; partials: string[] } & OrWrong<{
      expected: string;
    }>
  >[];
  detSign: Of<
    {
      secret: string;
      rand: string | null;
      aggothernonce: string;
      pubkeys: string[];
      tweaks: Tweaked[];
      message: string;
      index: number;
    } & OrWrong<{ pubnonce: string; partial: string }>
  >[];
}

/** Reads the BIP's files, whose cases refer to shared lists by index. */
export function fromBip(files: Record<string, any>): Cases {
  const keyAgg = files['key_agg'];
  const nonceAgg = files['nonce_agg'];
  const signVerify = files['sign_verify'];
  const tweak = files['tweak'];
  const sigAgg = files['sig_agg'];
  const detSign = files['det_sign'];
  const lower = (x: unknown): any =>
    typeof x === 'string'
      ? x.toLowerCase()
      : Array.isArray(x)
        ? x.map(lower)
        : x && typeof x === 'object'
          ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, k === 'value' || k === 'name' ? v : lower(v)]))
          : x;
  const pick = (list: any[], at: number[]) => at.map((i) => list[i]);
  const tweaks = (list: any[], c: any): Tweaked[] =>
    (c.tweak_indices ? pick(list, c.tweak_indices) : (c.tweaks ?? [])).map((t: string, i: number) => ({
      tweak: t,
      xOnly: c.is_xonly[i],
    }));
  const wrong = (e: any): Wrong => (e.type === 'value' ? { value: e.message } : { signer: e.signer, part: e.contrib });
  const end = (c: any, good: object) => (c.error ? { error: wrong(c.error) } : good);
  const named = (kind: string) => (c: any, i: number) => ({ ...c, name: c.comment ?? `${kind} ${i}` });
  const all = (...lists: any[][]) => lists.flat().map(named('case'));
  const keys = (f: any, c: any) => ({ pubkeys: pick(f.pubkeys, c.key_indices), tweaks: tweaks(f.tweaks, c) });
  return lower({
    keySort: [{ name: 'sort', pubkeys: files['key_sort'].pubkeys, sorted: files['key_sort'].sorted_pubkeys }],
    keyAgg: all(keyAgg.valid_test_cases, keyAgg.error_test_cases).map((c) => ({
      name: c.name,
      ...keys(keyAgg, { tweak_indices: [], ...c }),
      ...end(c, { expected: c.expected }),
    })),
    nonceGen: all(files['nonce_gen'].test_cases).map((c) => ({
      name: c.name,
      random: c.rand_,
      secret: c.sk,
      pubkey: c.pk,
      aggregate: c.aggpk,
      message: c.msg,
      extra: c.extra_in,
      secnonce: c.expected_secnonce,
      pubnonce: c.expected_pubnonce,
    })),
    nonceAgg: all(nonceAgg.valid_test_cases, nonceAgg.error_test_cases).map((c) => ({
      name: c.name,
      pubnonces: pick(nonceAgg.pnonces, c.pnonce_indices),
      ...end(c, { expected: c.expected }),
    })),
    sign: [
      ...all(signVerify.valid_test_cases, signVerify.sign_error_test_cases).map((c) => ({
        ...c,
        f: signVerify,
        secnonce: signVerify.secnonces[c.secnonce_index ?? 0],
        aggnonce: signVerify.aggnonces[c.aggnonce_index],
        msg: signVerify.msgs[c.msg_index],
      })),
      ...all(tweak.valid_test_cases, tweak.error_test_cases).map((c) => ({
        ...c,
        f: tweak,
        secnonce: tweak.secnonce,
        aggnonce: tweak.aggnonce,
        msg: tweak.msg,
      })),
    ].map((c) => ({
      name: c.name,
      secret: c.f.sk,
      secnonce: c.secnonce,
      ...keys(c.f, c),
      aggnonce: c.aggnonce,
      message: c.msg,
      ...end(c, {
        pubnonces: c.nonce_indices && pick(c.f.pnonces, c.nonce_indices),
        index: c.signer_index,
        expected: c.expected,
      }),
    })),
    verify: all(signVerify.verify_fail_test_cases, signVerify.verify_error_test_cases).map((c) => ({
      name: c.name,
      partial: c.sig,
      pubkeys: pick(signVerify.pubkeys, c.key_indices),
      pubnonces: pick(signVerify.pnonces, c.nonce_indices),
      message: signVerify.msgs[c.msg_index],
      index: c.signer_index,
      ...(c.error && { error: wrong(c.error) }),
    })),
    sigAgg: all(sigAgg.valid_test_cases, sigAgg.error_test_cases).map((c) => ({
      name: c.name,
      ...keys(sigAgg, c),
      aggnonce: c.aggnonce,
      message: sigAgg.msg,
      partials: pick(sigAgg.psigs, c.psig_indices),
      ...end(c, { expected: c.expected }),
    })),
    detSign: all(detSign.valid_test_cases, detSign.error_test_cases).map((c) => ({
      name: c.name,
      secret: detSign.sk,
      rand: c.rand,
      aggothernonce: c.aggothernonce,
      ...keys(detSign, c),
      message: detSign.msgs[c.msg_index],
      index: c.signer_index,
      ...end(c, { pubnonce: c.expected?.[0], partial: c.expected?.[1] }),
    })),
  }) as Cases;
}
