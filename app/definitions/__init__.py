"""Published SOPs: putting them in, looking them up, and the machines compiled from them."""
