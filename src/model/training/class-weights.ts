/**
 * Weights of the classes in the loss by how rare they are: 1 / ln(1.02 + share of the labelled pixels), between 1.4
 * and 50.5 (Paszke et al. 2016, "ENet", §5.2, which the published code uses too).
 *
 * @param pixels labelled pixels of each class in the training set
 */
export function balancedClassWeights(pixels: ArrayLike<number>): Float32Array {
  let labelled = 0;
  for (let c = 0; c < pixels.length; c++) labelled += pixels[c];
  return Float32Array.from(pixels, (count) => 1 / Math.log(1.02 + count / Math.max(1, labelled)));
}
