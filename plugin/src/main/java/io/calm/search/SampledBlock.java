package io.calm.search;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;
import java.util.Optional;

/** The weights of a block and the settings of the search, as a quantizer sees them. */
abstract class SampledBlock implements BlockSample {
  private final ModelSpec spec;
  private final BlockParameters<Matrix> block;
  private final Map<LinearRole, QuantizedMatrix> source;
  private final SearchSettings settings;
  private final Compute compute;

  SampledBlock(
      ModelSpec spec,
      BlockParameters<Matrix> block,
      Map<LinearRole, QuantizedMatrix> source,
      SearchSettings settings,
      Compute compute) {
    this.spec = spec;
    this.block = block;
    this.source = source;
    this.settings = settings;
    this.compute = compute;
  }

  final SearchSettings settings() {
    return settings;
  }

  @Override
  public final ModelSpec spec() {
    return spec;
  }

  @Override
  public final BlockParameters<Matrix> block() {
    return block;
  }

  @Override
  public final int groupLimit() {
    return settings.groupLimit();
  }

  @Override
  public final ActivationMode activation() {
    return settings.activation();
  }

  @Override
  public final Optional<QuantizedMatrix> source(LinearRole role) {
    return Optional.ofNullable(source.get(role));
  }

  @Override
  public final Compute compute() {
    return compute;
  }
}
