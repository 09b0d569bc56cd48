/**
 * Tensors in files, independent of the file format: types and their decoders, names, shapes, row
 * order, and the checkpoint that reads a model from them.
 */
@NullMarked
package io.calm.checkpoint.storage;

import org.jspecify.annotations.NullMarked;
