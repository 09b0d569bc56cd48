package io.calm.checkpoint.safetensors;

import io.calm.checkpoint.storage.TensorType;
import java.util.List;

/** A tensor of a safetensors header; offsets count from the end of the header. */
record HeaderEntry(String name, TensorType type, List<Long> shape, long begin, long end) {
  HeaderEntry {
    shape = List.copyOf(shape);
  }
}
