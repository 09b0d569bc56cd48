package ai.djl.serving.wlm.util;

import ai.djl.Device;
import ai.djl.serving.wlm.Adapter;
import ai.djl.serving.wlm.ModelInfo;
import java.nio.file.Path;

/** A listener for the stages of a model's registration, from download to load. */
public interface ModelServerListener {

  /** Called before the files are downloaded. */
  void onModelDownloading(ModelInfo<?, ?> model);

  /** Called after the files and properties are there, before the engine is chosen. */
  void onModelDownloaded(ModelInfo<?, ?> model, Path downloadPath);

  /** Called before a conversion. */
  void onModelConverting(ModelInfo<?, ?> model, String type);

  /** Called after a conversion. */
  void onModelConverted(ModelInfo<?, ?> model, String type);

  /** Called after the engine and the defaults are chosen. */
  void onModelConfigured(ModelInfo<?, ?> model);

  /** Called before the engine loads the model. */
  void onModelLoading(ModelInfo<?, ?> model, Device device);

  /** Called after the engine has loaded the model. */
  void onModelLoaded(ModelInfo<?, ?> model);

  /** Called before an adapter is loaded. */
  void onAdapterLoading(ModelInfo<?, ?> model, Path adapterPath);

  /** Called after an adapter is loaded. */
  void onAdapterLoaded(ModelInfo<?, ?> model, Adapter<?, ?> adapter);
}
