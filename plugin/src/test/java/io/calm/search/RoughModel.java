package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.tensor.Matrix;
import java.util.SplittableRandom;

/** A model whose weights 4 bits do not hold exactly. */
final class RoughModel extends SyntheticModel {
  RoughModel() {
    super(2, 7);
  }

  @Override
  public BlockParameters<Matrix> block(int layer) {
    BlockParameters<Matrix> block = super.block(layer);
    SplittableRandom random = new SplittableRandom(layer);
    for (Matrix weight : block.linears().values()) {
      for (int n = 0; n < weight.rows(); n++) {
        for (int k = 0; k < weight.columns(); k++) {
          weight.set(n, k, weight.get(n, k) + (float) (0.02 * random.nextGaussian()));
        }
      }
    }
    return block;
  }
}
