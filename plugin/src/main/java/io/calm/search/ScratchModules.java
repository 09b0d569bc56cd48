package io.calm.search;

import io.calm.model.LinearRole;
import io.calm.tensor.Owned;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.Map;

/** W4A8 modules of one stage, in memory that is freed on close. */
final class ScratchModules implements AutoCloseable {
  private final Map<LinearRole, QuantizedLinear> modules = new EnumMap<>(LinearRole.class);
  private final Owned memory;

  ScratchModules(Map<LinearRole, QuantizedMatrix> linears, Parallel parallel) {
    try (Owned opening = new Owned()) {
      linears.forEach(
          (role, linear) -> {
            Packing.Scratch packed = Packing.scratch(linear, parallel);
            opening.add(packed, packed::close);
            modules.put(role, packed.linear());
          });
      this.memory = opening.handOver();
    }
  }

  Map<LinearRole, QuantizedLinear> modules() {
    return modules;
  }

  @Override
  public void close() {
    memory.close();
  }
}
