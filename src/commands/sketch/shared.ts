/** Flags of sketches. Not here: what they mean (`sketch/sketch.ts`). */
import { countFlag } from '../../lib/cli/flags.ts';
import { FIELD_LIMITS } from '../../lib/sketch/field.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export const bitsFlag = countFlag('Bits of an element: elements are 1 to 2^BITS - 1', FIELD_LIMITS.bits, {
  helpValue: 'BITS',
  required: true,
});
export const capacityFlag = countFlag(
  'Sums in a sketch, which decodes to nearly as many elements',
  SKETCH_LIMITS.capacity,
  { helpValue: 'N', required: true },
);
