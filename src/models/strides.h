// Follows a detector's picture through its graph, node by node: at which stride each value lies, and which nodes read
// beyond a cell.
#pragma once

#include <string>
#include <vector>

#include "device/onnx_file.h"

namespace mien {

// A node whose window reaches from an image's last cells beyond them, where what lies outside the image would show. A
// convolution of 3 x 3 in steps of 2 with a border of one cell is none: its last window ends with the image.
struct WideNode {
  int index = 0;   // of the graph's nodes
  int stride = 1;  // canvas pixels a cell of what it reads
};

struct FollowedStrides {
  std::vector<WideNode> wide;       // in the order of nodes; without those whose input is 0 outside of images already
  std::vector<int> output_strides;  // canvas pixels a cell, for each output of the graph
};

// `graph` lists no weights among its inputs (make_weights_constant). Throws Exception(unsupported) that names what a
// masked canvas cannot follow: a node that mixes cells in another way than a window with a border of zeros does, or
// that nobody told mien about.
FollowedStrides follow_strides(onnx::GraphProto& graph);

}  // namespace mien
