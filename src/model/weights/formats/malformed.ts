/**
 * What is wrong with a file of weights, without the file's name: `importBackbone` adds it and makes a UserError
 * of the whole. The message completes the sentence "the file cannot be imported: …".
 */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}
