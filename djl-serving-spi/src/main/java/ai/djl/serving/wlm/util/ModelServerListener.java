package ai.djl.serving.wlm.util;

import ai.djl.Device;
import ai.djl.serving.wlm.Adapter;
import ai.djl.serving.wlm.ModelInfo;
import java.nio.file.Path;

/** Hears of a model's way from its URL to its workers. */
public interface ModelServerListener {

  /** Before the files are fetched. */
  void onModelDownloading(ModelInfo<?, ?> model);

  /** After the files and properties are there, before the engine is chosen. */
  void onModelDownloaded(ModelInfo<?, ?> model, Path downloadPath);

  /** Before a conversion. */
  void onModelConverting(ModelInfo<?, ?> model, String type);

  /** After a conversion. */
  void onModelConverted(ModelInfo<?, ?> model, String type);

  /** After the engine and the defaults are chosen. */
  void onModelConfigured(ModelInfo<?, ?> model);

  /** Before the engine loads the model. */
  void onModelLoading(ModelInfo<?, ?> model, Device device);

  /** After the engine has loaded the model. */
  void onModelLoaded(ModelInfo<?, ?> model);

  /** Before an adapter is loaded. */
  void onAdapterLoading(ModelInfo<?, ?> model, Path adapterPath);

  /** After an adapter is loaded. */
  void onAdapterLoaded(ModelInfo<?, ?> model, Adapter<?, ?> adapter);
}
