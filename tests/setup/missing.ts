/** Something that tests need could not be had here. The message says what and how to get it. */
export class Missing extends Error {
  override readonly name = "Missing";
}

/** What was asked for, or the sentence that says why it cannot be had. */
export type Available<T> = { readonly value: T; readonly missing?: undefined } | {
  readonly value?: undefined;
  readonly missing: string;
};

/** Turns a {@link Missing} into its sentence; other errors pass. */
export async function available<T>(work: Promise<T>): Promise<Available<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (error instanceof Missing) return { missing: error.message };
    throw error;
  }
}
