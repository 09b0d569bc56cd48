package io.calm.export.onnx;

import io.calm.export.ExportProgress;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Lifetime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/** Writes the graph and the weights of a model. */
public final class OnnxModelWriter {
  /** Name of the file with the graph. */
  public static final String GRAPH = "model.onnx";

  /** Name of the file with the weights. */
  public static final String WEIGHTS = "model.onnx.data";

  private OnnxModelWriter() {}

  /**
   * Writes {@link #GRAPH} and {@link #WEIGHTS}, which holds one linear in memory at a time.
   *
   * @param metadata values by key, stored in the graph
   */
  @SuppressWarnings("try") // the lease is held, not used
  public static void write(
      QuantizedModel model,
      OnnxOptions options,
      Map<String, String> metadata,
      Path directory,
      ExportProgress progress)
      throws IOException {
    try (Lifetime.Lease lease = model.lifetime().lease();
        ExternalData data = ExternalData.create(directory, WEIGHTS);
        FileChannel file =
            FileChannel.open(
                directory.resolve(GRAPH),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE)) {
      Graph graph = new Graph(options.engine().opset(), data);
      DecoderGraph.build(graph, model, options, progress);
      graph.model(metadata).write(file);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
