package io.calm.runtime;

import io.calm.tensor.OffHeap;
import java.nio.FloatBuffer;

/**
 * A KV block: the keys and values of {@value Decoder#BLOCK_TOKENS} positions of all layers, outside
 * the heap.
 *
 * @param memory owned by the {@link KvStorage}
 * @param floats a float32 view of the memory, used by the Java decoder
 * @param address native address of the memory; 0 if no native code runs
 */
record KvBlock(OffHeap memory, FloatBuffer floats, long address) {}
