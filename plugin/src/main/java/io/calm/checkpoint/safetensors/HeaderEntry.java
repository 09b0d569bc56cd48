package io.calm.checkpoint.safetensors;

import io.calm.checkpoint.storage.TensorType;
import java.util.List;

/**
 * A tensor in a safetensors header.
 *
 * @param shape outermost dimension first
 * @param begin offset of the data in bytes, from the end of the header
 * @param end offset of the end of the data, exclusive
 */
record HeaderEntry(String name, TensorType type, List<Long> shape, long begin, long end) {
  HeaderEntry {
    shape = List.copyOf(shape);
  }
}
