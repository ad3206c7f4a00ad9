// A slot for one who trades: the pool's prices, what waits for the auction, and room for more.
import type { BookResponse, PriceLevel, ShownOffer } from "../api";
import { Card, Facts, Table } from "../parts/common";
import { t } from "../text";
import { describeSlot } from "../tx/life";
import { formatEnergy, formatPrice, priceUnit, shortenAddress } from "../units";

const withUnit = (price: string) => `${formatPrice(price)} ${priceUnit()}`;

export function Book(props: { found: BookResponse }) {
  const { book, cleared } = props.found;
  if (!book) return null;
  const { info } = book;
  const rows: [string, string][] = [
    [t("book.ask"), withUnit(book.ask_per_kwh)],
    [t("book.bid"), withUnit(book.bid_per_kwh)],
    [t("book.bounds"), `${formatPrice(info?.price_low_per_kwh ?? 0n)}–${withUnit(info?.price_high_per_kwh ?? "0")}`],
    [t("book.fee"), withUnit(props.found.grid_fee_per_kwh)],
    [t("book.buy_room"), formatEnergy(props.found.buy_room_wh)],
    [t("book.sell_room"), formatEnergy(props.found.sell_room_wh)],
  ];
  return (
    <Card title={t("book.title", { span: describeSlot(book.slot) })}>
      <Facts rows={rows} />
      <h3>{t("book.auction")}</h3>
      {cleared ? (
        <p>
          {cleared.has_price
            ? t("book.cleared", { price: withUnit(cleared.price_per_kwh), energy: formatEnergy(props.found.cleared_volume_wh) })
            : t("book.cleared_empty")}
        </p>
      ) : (
        <Waiting found={props.found} />
      )}
      <h3>{t("offers.others")}</h3>
      {props.found.offers.length === 0 ? <p>{t("offers.none")}</p> : <Offers offers={props.found.offers} />}
    </Card>
  );
}

function Waiting(props: { found: BookResponse }) {
  const { bids, asks, withheld, book } = props.found;
  const count = book?.info?.resting_orders ?? "0";
  const hidden = withheld && count !== "0";
  return (
    <>
      <p>{t(count === "0" ? "book.no_orders" : "book.orders", { count })}</p>
      {hidden && <p class="quiet">{t("book.withheld")}</p>}
      {bids.length > 0 && <Levels title={t("book.bids")} levels={bids} />}
      {asks.length > 0 && <Levels title={t("book.asks")} levels={asks} />}
    </>
  );
}

function Levels(props: { title: string; levels: PriceLevel[] }) {
  return (
    <>
      <h4>{props.title}</h4>
      <Table
        caption={props.title}
        rows={props.levels}
        name={(one) => one.price_limit_per_kwh}
        columns={[
          { head: "head.limit", cell: (one) => withUnit(one.price_limit_per_kwh) },
          { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.quantity_wh) },
        ]}
      />
    </>
  );
}

function Offers(props: { offers: ShownOffer[] }) {
  return (
    <Table
      caption={t("offers.others")}
      rows={props.offers}
      name={(one) => one.seller}
      columns={[
        { head: "head.seller", cell: (one) => <span title={one.seller}>{shortenAddress(one.seller)}</span> },
        { head: "head.price_all", figure: true, cell: (one) => withUnit(one.price_per_kwh) },
        { head: "head.quantity", figure: true, cell: (one) => formatEnergy(one.available_wh) },
      ]}
    />
  );
}
