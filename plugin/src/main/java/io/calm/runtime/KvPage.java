package io.calm.runtime;

import io.calm.tensor.OffHeap;
import java.nio.FloatBuffer;

/**
 * Keys and values of {@value Decoder#BLOCK_TOKENS} positions of all layers, outside the heap.
 *
 * @param memory owned by the {@link KvStorage}
 * @param floats the same as float32, which is how the Java decoder lays it out
 * @param address of the memory for native code; 0 where none runs
 */
record KvPage(OffHeap memory, FloatBuffer floats, long address) {}
