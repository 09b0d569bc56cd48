import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.inference.streaming.PublisherBytesSupplier;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.ndarray.BytesSupplier;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import io.calm.serving.djl.CalmEngine;
import io.calm.serving.djl.CalmEngineProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Generates text with the CALM engine inside a Java program, without a server. */
public final class Generate {
  private Generate() {}

  public static void main(String[] arguments) throws Exception {
    Path checkpoint = Path.of(arguments[0]);
    String prompt = arguments.length > 1 ? arguments[1] : "The kernel";

    Engine.registerEngine(new CalmEngineProvider());
    Criteria<Input, Output> criteria =
        Criteria.builder()
            .setTypes(Input.class, Output.class)
            .optEngine(CalmEngine.NAME)
            .optModelPath(checkpoint)
            .optModelName("example")
            // Any calm.* key. One algorithm for all blocks needs neither a search nor PyTorch.
            .optArgument("calm.algorithm", "rtn")
            .optArgument("calm.lm-head", "int8")
            .build();

    try (ZooModel<Input, Output> model = criteria.loadModel();
        Predictor<Input, Output> predictor = model.newPredictor()) {
      System.out.println("Whole answer:");
      print(predictor.predict(request(prompt, false)));
      System.out.println("Streamed, one line per token:");
      print(predictor.predict(request(prompt, true)));
    }
  }

  /** Returns a request in DJL's schema, as it would be sent to /predictions/{model}. */
  private static Input request(String prompt, boolean stream) {
    String json =
        """
        {"inputs": "%s", "stream": %b, "parameters": {"max_new_tokens": 8}}"""
            .formatted(prompt.replace("\\", "\\\\").replace("\"", "\\\""), stream);
    Input input = new Input();
    input.add("data", json.getBytes(StandardCharsets.UTF_8));
    return input;
  }

  /** Prints an answer as it arrives. An error is an output with a status of 400 or more. */
  private static void print(Output output) throws Exception {
    if (output.getCode() >= 400) {
      throw new IllegalStateException(output.getCode() + ": " + output.getAsString(0));
    }
    BytesSupplier data = output.getData();
    if (data instanceof PublisherBytesSupplier stream) {
      stream
          .subscribe(
              bytes -> {
                if (bytes != null) { // null marks the end
                  System.out.print(new String(bytes, StandardCharsets.UTF_8));
                }
              })
          .get();
    } else {
      System.out.println(new String(data.getAsBytes(), StandardCharsets.UTF_8).strip());
    }
  }
}
