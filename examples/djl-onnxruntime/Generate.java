import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.passthrough.PassthroughNDManager;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Generates text greedily with an ONNX export in a DJL Serving without the CALM plugin. Keys and
 * values travel with each request, so the server holds no state.
 */
public final class Generate {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final NDManager MANAGER = PassthroughNDManager.INSTANCE;

  private Generate() {}

  public static void main(String[] arguments) throws Exception {
    URI model = URI.create(arguments[0]);
    Path directory = Path.of(arguments[1]);
    String prompt = arguments[2];
    int limit = Integer.parseInt(arguments[3]);
    JsonObject shapes =
        JsonParser.parseString(Files.readString(directory.resolve("calm-onnx.json")))
            .getAsJsonObject();
    try (HuggingFaceTokenizer tokenizer =
        HuggingFaceTokenizer.newInstance(directory.resolve("tokenizer.json"))) {
      long start = System.nanoTime();
      List<Long> generated = generate(model, shapes, tokenizer.encode(prompt).getIds(), limit);
      double seconds = (System.nanoTime() - start) / 1e9;
      long[] ids = generated.stream().mapToLong(id -> id).toArray();
      System.out.println(prompt + tokenizer.decode(ids, true));
      System.out.printf(
          "%d tokens in %.1f s: %s%n", generated.size(), seconds, Arrays.toString(ids));
    }
  }

  /** Returns up to {@code limit} tokens, without an end-of-sequence token. */
  private static List<Long> generate(URI model, JsonObject shapes, long[] prompt, int limit)
      throws Exception {
    List<Long> ends = new ArrayList<>();
    shapes.getAsJsonArray("end_of_sequence").forEach(end -> ends.add(end.getAsLong()));
    List<Long> generated = new ArrayList<>();
    NDList cache = firstCache(shapes);
    long[] tokens = prompt;
    int length = 0;
    while (generated.size() < limit) {
      NDList answer = run(model, inputs(tokens, length, cache));
      length += tokens.length;
      NDArray logits = answer.get(0); // [1, T, V]; keys and values follow
      long next = largest(logits, tokens.length - 1);
      if (ends.contains(next)) {
        break;
      }
      generated.add(next);
      tokens = new long[] {next};
      cache = new NDList();
      for (NDArray array : answer.subNDList(1)) {
        array.setName(array.getName().replace("present.", "past_key_values."));
        cache.add(array);
      }
    }
    return generated;
  }

  /** Returns keys and values of one position, which is masked: DJL has no empty arrays. */
  private static NDList firstCache(JsonObject shapes) {
    int heads = shapes.get("kv_heads").getAsInt();
    int width = shapes.get("head_dim").getAsInt();
    boolean half = shapes.get("kv_cache").getAsString().equals("float16");
    DataType type = half ? DataType.FLOAT16 : DataType.FLOAT32;
    NDList cache = new NDList();
    for (int layer = 0; layer < shapes.get("layers").getAsInt(); layer++) {
      for (String part : List.of("key", "value")) {
        ByteBuffer zeros = ByteBuffer.allocate(heads * width * type.getNumOfBytes());
        cache.add(
            array(
                "past_key_values.%d.%s".formatted(layer, part),
                zeros,
                new Shape(1, heads, 1, width),
                type));
      }
    }
    return cache;
  }

  private static NDList inputs(long[] tokens, int length, NDList cache) {
    int count = tokens.length;
    LongStream positions = LongStream.range(length, length + count);
    LongStream mask = LongStream.rangeClosed(0, length + count).map(i -> i == 0 ? 0 : 1);
    NDList inputs =
        new NDList(
            longs("input_ids", tokens),
            longs("attention_mask", mask.toArray()),
            longs("position_ids", positions.toArray()));
    inputs.addAll(cache);
    return inputs;
  }

  private static NDArray longs(String name, long... values) {
    ByteBuffer content =
        ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.nativeOrder());
    content.asLongBuffer().put(LongBuffer.wrap(values));
    return array(name, content, new Shape(1, values.length), DataType.INT64);
  }

  private static NDArray array(String name, ByteBuffer content, Shape shape, DataType type) {
    NDArray array = MANAGER.create(content, shape, type);
    array.setName(name);
    return array;
  }

  private static NDList run(URI model, NDList inputs) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(model)
            .header("Content-Type", "tensor/ndlist")
            .POST(HttpRequest.BodyPublishers.ofByteArray(inputs.encode()))
            .build();
    HttpResponse<byte[]> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException(answer.statusCode() + ": " + new String(answer.body()));
    }
    return NDList.decode(MANAGER, answer.body());
  }

  /** Returns the token with the largest logit in a row. */
  private static long largest(NDArray logits, int row) {
    FloatBuffer values = logits.toByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
    int vocabulary = (int) logits.getShape().get(2);
    int best = 0;
    for (int v = 1; v < vocabulary; v++) {
      if (values.get(row * vocabulary + v) > values.get(row * vocabulary + best)) {
        best = v;
      }
    }
    return best;
  }
}
