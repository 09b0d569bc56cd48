/**
 * The ONNX export: the graph of a quantized model with its weights in a file of external data, and
 * the files with which DJL Serving loads it without the plugin.
 */
@NullMarked
package io.calm.export.onnx;

import org.jspecify.annotations.NullMarked;
