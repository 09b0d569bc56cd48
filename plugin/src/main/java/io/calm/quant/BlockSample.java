package io.calm.quant;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Optional;

/** A block as quantizers see it: its weights, and its inputs on calibration tokens. */
public interface BlockSample {

  /** Returns sizes and topology. */
  ModelSpec spec();

  /** Returns the full-precision parameters; not to be changed. */
  BlockParameters<Matrix> block();

  /** Returns the largest group of a scale, {@code calm.group}. */
  int groupLimit();

  /** Returns how activations are rounded. */
  ActivationMode activation();

  /** Returns the checkpoint's own 4-bit form of a linear, if it has one. */
  Optional<QuantizedMatrix> source(LinearRole role);

  /** Starts a walk through the block's stages on the calibration tokens. */
  StageWalk walk();

  /** Returns dense algebra for large matrices. */
  LinearAlgebra algebra();

  /** Returns threads and kernels for the quantizer's own loops. */
  Compute compute();
}
