package io.calm.search;

import io.calm.cka.Metric;
import java.util.List;

/**
 * The agreement of a metric with the divergences that the sensitivity table measured. It compares
 * every two algorithms of a block, so it says something about a metric also where one algorithm is
 * the best of the pool in every block.
 *
 * @param pairs pairs of cells of one block with different divergences
 * @param right pairs in which the metric prefers the cell with the lower divergence
 * @param lost sum of the differences in the other pairs, in nats per token
 * @param correlation of the logarithms of loss and divergence over all cells, the loss being the
 *     distance to the best score: whether sums over blocks predict divergences; NaN if undefined
 */
public record MetricAgreement(
    Metric metric, int pairs, int right, double lost, double correlation) {

  /**
   * A cell.
   *
   * @param loss distance of the score to the best one; NaN if it is undefined
   * @param kl mean divergence in nats per token
   */
  record Point(int block, double loss, double kl) {}

  static MetricAgreement of(Metric metric, List<Point> points) {
    int pairs = 0;
    int right = 0;
    double lost = 0;
    for (int i = 0; i < points.size(); i++) {
      for (int j = i + 1; j < points.size(); j++) {
        Point a = points.get(i);
        Point b = points.get(j);
        if (a.block() != b.block() || !(a.kl() < b.kl() || a.kl() > b.kl())) {
          continue;
        }
        pairs++;
        if (a.kl() < b.kl() ? a.loss() < b.loss() : a.loss() > b.loss()) {
          right++;
        } else {
          lost += Math.abs(a.kl() - b.kl());
        }
      }
    }
    return new MetricAgreement(metric, pairs, right, lost, correlation(points));
  }

  private static double correlation(List<Point> points) {
    List<Point> usable = points.stream().filter(p -> p.loss() > 0 && p.kl() > 0).toList();
    double x = usable.stream().mapToDouble(p -> Math.log(p.loss())).average().orElse(Double.NaN);
    double y = usable.stream().mapToDouble(p -> Math.log(p.kl())).average().orElse(Double.NaN);
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (Point point : usable) {
      double dx = Math.log(point.loss()) - x;
      double dy = Math.log(point.kl()) - y;
      xx += dx * dx;
      yy += dy * dy;
      xy += dx * dy;
    }
    return xy / Math.sqrt(xx * yy);
  }
}
