/** Errors of the model parameter `allowed_batch_sizes`, found while loading. */
import { declare } from "./declare.ts";

const invalid = <Args extends unknown[]>(template: (...args: Args) => string) => declare("INVALID_ARGUMENT", template);

export const allowedSizesNotAList = invalid((model: string, got: string) =>
  `model parameter 'allowed_batch_sizes' must be a list of ascending positive integers for ${model}, got '${got}'; write ` +
  `them with commas, like "1,2,4,8"`
);

export const allowedSizesEnd = invalid((model: string, got: number, maxBatchSize: number) =>
  `model parameter 'allowed_batch_sizes' must end with max_batch_size for ${model}, got ${got} with max_batch_size ` +
  `${maxBatchSize}; otherwise there would be batches that fit none of the sizes`
);

export const allowedSizesWithoutBatching = invalid((model: string) =>
  `model parameter 'allowed_batch_sizes' needs a max_batch_size above 0 for ${model}: without a batch dimension there ` +
  `are no rows to add`
);

/** @param obstacle what the model has that rows cannot be added to. */
export const allowedSizesNotPossible = invalid((model: string, obstacle: string) =>
  `model parameter 'allowed_batch_sizes' cannot be used with ${obstacle} for ${model}: remove one of them`
);
