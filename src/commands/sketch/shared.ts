/** The flags that sketches are made with. Not here: what they mean (`sketch/sketch.ts`). */
import * as Flags from '@oclif/core/flags';
import { FIELD_LIMITS } from '../../lib/sketch/field.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export const bitsFlag = Flags.integer({
  summary: 'Bits of an element: elements are 1 to 2^BITS - 1',
  helpValue: 'BITS',
  required: true,
  min: FIELD_LIMITS.bits.least,
  max: FIELD_LIMITS.bits.most,
});
export const capacityFlag = Flags.integer({
  summary: 'Sums in a sketch, which decodes to nearly as many elements',
  helpValue: 'N',
  required: true,
  min: SKETCH_LIMITS.capacity.least,
  max: SKETCH_LIMITS.capacity.most,
});
