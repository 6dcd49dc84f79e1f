use flow::Flow;

#[derive(PartialEq, Eq, Hash)]
struct Place(u32, u32);

struct Order {
    place: Place,
}

fn main() {
    let orders = vec![Order { place: Place(1, 2) }];
    let _ = Flow::from_vec(orders).key_by_ref(|order| &order.place);
}
