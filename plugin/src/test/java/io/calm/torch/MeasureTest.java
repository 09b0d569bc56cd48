package io.calm.torch;

import io.calm.model.QuantizedModel;
import io.calm.runtime.*;
import io.calm.runtime.Decoder.Wanted;
import io.calm.testing.Repository;
import java.util.*;
import org.junit.jupiter.api.Test;

class MeasureTest {
  @Test
  void goldens() throws Exception {
    for (String family : GoldenModels.FAMILIES) one(family, GoldenModels.model(family, 32), GoldenModels.prompt(family));
    for (String m : List.of("calm-tiny-llama", "calm-tiny-qwen2")) {
      QuantizedModel model = GoldenModels.quantized(Repository.path("models/" + m), 64);
      for (int s = 0; s < 3; s++)
      one(m, model, new Random(s).ints(48, 5, model.spec().vocabulary()).toArray());
    }
  }
  static void one(String name, QuantizedModel model, int[] prompt) {
    for (String route : (System.getenv("ROUTES") == null ? "GROUPED,DIAGONAL,DEQUANTIZED" : System.getenv("ROUTES")).split(",")) {
      System.setProperty("calm.torch.route", route);
      try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, 10);
          TorchDecoder torch = new TorchDecoder(model, KvType.FLOAT16, 1, 10)) {
        float[][] e = run(java, prompt, null), g = run(torch, prompt, e);
        int over = 0, flips = 0; double worst = 0; double[] ds = new double[e.length];
        for (int t = 0; t < e.length; t++) {
          double d = 0, m = 0;
          for (int i = 0; i < e[t].length; i++) { d = Math.max(d, Math.abs(e[t][i] - g[t][i])); m = Math.max(m, Math.abs(e[t][i])); }
          ds[t] = d / m;
          if (ds[t] > 1e-3) over++;
          if (argmax(e[t]) != argmax(g[t])) flips++;
          worst = Math.max(worst, ds[t]);
        }
        Arrays.sort(ds);
        System.out.printf("%s %s rows %d over %d worst %.1e median %.1e argmax differs %d%n", name, route, e.length, over, worst, ds[ds.length / 2], flips);
      }
    }
  }
  static int argmax(float[] v) { int b = 0; for (int i = 1; i < v.length; i++) b = v[i] > v[b] ? i : b; return b; }
  static float[][] run(Decoder decoder, int[] prompt, float[][] path) {
    List<float[]> rows = new ArrayList<>();
    var seq = new DecoderSequences(decoder).open();
    int[] next = prompt;
    for (int i = 0; i < 24; i++) {
      decoder.step(List.of(seq.append(next, i == 0 ? Wanted.ALL : Wanted.LAST))).get(0).forEach(r -> rows.add(r.values().clone()));
      next = new int[] {argmax(path == null ? rows.get(rows.size() - 1) : path[rows.size() - 1])};
    }
    return rows.toArray(float[][]::new);
  }
}
