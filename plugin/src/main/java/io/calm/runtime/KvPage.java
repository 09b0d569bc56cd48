package io.calm.runtime;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/**
 * Keys and values of {@value KvStorage#PAGE} positions of all layers, outside the heap.
 *
 * @param memory aligned to 64 bytes; keeps the memory alive
 * @param floats the same as float32, which is how the Java decoder lays it out
 * @param address of the memory for native code; 0 where none runs
 */
record KvPage(ByteBuffer memory, FloatBuffer floats, long address) {}
